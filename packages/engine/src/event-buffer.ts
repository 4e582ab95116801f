import type { GenerateEvent } from './engine.ts';

/**
 * Events of one generation between the runner, which does not wait, and the consumer, who may be slow. Texts that wait are
 * joined. `push` returns false when more than `maxBytes` of text would wait.
 */
export class EventBuffer {
  readonly #maxBytes: number;
  #texts: string[] = [];
  #bytes = 0;
  #end: { finish: GenerateEvent } | { error: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push(text: string): boolean {
    if (this.#end) return true;
    const bytes = Buffer.byteLength(text);
    if (this.#bytes + bytes > this.#maxBytes) return false;
    this.#texts.push(text);
    this.#bytes += bytes;
    this.#wake?.();
    return true;
  }

  finish(event: GenerateEvent & { type: 'finish' }): void {
    this.#end ??= { finish: event };
    this.#wake?.();
  }

  /** Ends the stream with an error; text not taken by then is dropped. */
  fail(error: unknown): void {
    this.#end ??= { error };
    this.#wake?.();
  }

  get ended(): boolean {
    return this.#end !== undefined;
  }

  /** Consumes the buffer; to be called once. */
  async *events(): AsyncGenerator<GenerateEvent, void, void> {
    for (;;) {
      if (this.#end && 'error' in this.#end) throw this.#end.error;
      if (this.#texts.length > 0) {
        const text = this.#texts.join('');
        this.#texts = [];
        this.#bytes = 0;
        yield { type: 'text', text };
      } else if (this.#end) {
        yield this.#end.finish;
        return;
      } else {
        await new Promise<void>((resolve) => (this.#wake = resolve));
        this.#wake = undefined;
      }
    }
  }
}
