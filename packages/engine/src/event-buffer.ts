import type { GenerateEvent, TokenLogprob } from './generate-event.ts';

type TextEvent = Extract<GenerateEvent, { type: 'text' | 'reasoning' }>;
type FinishEvent = Extract<GenerateEvent, { type: 'finish' }>;
/** Texts that wait for the consumer, to be joined. */
type Waiting = Omit<TextEvent, 'text'> & { texts: string[] };

/** What a candidate token takes as an object, roughly. */
const candidateBytes = 128;

/**
 * Events of one generation between the runner, which does not wait, and the consumer, who may be slow. Texts of a choice
 * that wait one after the other are joined. `push` returns false when more than `maxBytes` would wait.
 */
export class EventBuffer {
  readonly #maxBytes: number;
  #waiting: (Waiting | FinishEvent)[] = [];
  #bytes = 0;
  #openChoices: number;
  #error: { error: unknown } | undefined;
  #wake: (() => void) | undefined;

  /** The stream ends when so many choices have finished. */
  constructor(maxBytes: number, choices: number) {
    this.#maxBytes = maxBytes;
    this.#openChoices = choices;
  }

  push({ text, ...event }: TextEvent): boolean {
    if (this.ended) return true;
    const bytes = Buffer.byteLength(text) + logprobsBytes(event.logprobs);
    if (this.#bytes + bytes > this.#maxBytes) return false;
    this.#bytes += bytes;
    const last = this.#waiting.at(-1);
    if (last?.type === event.type && last.choice === event.choice) {
      last.texts.push(text);
      if (event.logprobs) (last.logprobs ??= []).push(...event.logprobs);
    } else this.#waiting.push({ ...event, texts: [text] });
    this.#wake?.();
    return true;
  }

  finish(event: FinishEvent): void {
    if (this.ended) return;
    this.#openChoices--;
    this.#waiting.push(event);
    this.#wake?.();
  }

  /** Ends the stream with an error; what was not taken by then is dropped. */
  fail(error: unknown): void {
    if (this.ended) return;
    this.#error = { error };
    this.#wake?.();
  }

  get ended(): boolean {
    return this.#openChoices === 0 || this.#error !== undefined;
  }

  /** Consumes the buffer; to be called once. */
  async *events(): AsyncGenerator<GenerateEvent, void, void> {
    for (;;) {
      this.#check();
      const events = this.#waiting.splice(0);
      this.#bytes = 0;
      if (events.length === 0) {
        if (this.ended) return;
        await new Promise<void>((resolve) => (this.#wake = resolve));
        this.#wake = undefined;
      }
      for (const event of events) {
        this.#check();
        yield event.type === 'finish' ? event : joined(event);
      }
    }
  }

  #check(): void {
    if (this.#error) throw this.#error.error;
  }
}

function joined({ texts, ...event }: Waiting): TextEvent {
  return { ...event, text: texts.join('') };
}

function logprobsBytes(logprobs: readonly TokenLogprob[] = []): number {
  return logprobs.reduce((sum, { alternatives }) => sum + candidateBytes * (1 + alternatives.length), 0);
}
