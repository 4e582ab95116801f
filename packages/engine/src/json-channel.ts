import type { Duplex } from 'node:stream';
import type { z } from 'zod';

export type JsonChannelOptions<In> = {
  incoming: z.ZodType<In>;
  maxIncomingBytes: number;
  maxOutgoingBytes: number;
  onMessage: (message: In) => void;
  /** Called once: the other side is gone, or `error` says what it sent that was not allowed. */
  onClose: (error?: Error) => void;
};

/**
 * Messages between the engine and a runner over a pipe: one JSON document a line. A line is measured before it is
 * parsed and checked before it is acted on; after the first that fails, the channel is closed.
 */
export class JsonChannel<In, Out> {
  readonly #stream: Duplex;
  readonly #options: JsonChannelOptions<In>;
  #parts: Buffer[] = [];
  #length = 0;
  #closed = false;

  constructor(stream: Duplex, options: JsonChannelOptions<In>) {
    this.#stream = stream;
    this.#options = options;
    stream.on('data', (chunk: Buffer) => this.#read(chunk));
    stream.on('error', () => this.close());
    stream.on('close', () => this.close());
    stream.on('end', () => this.close());
  }

  /** False, and nothing is sent, when the message is larger than the other side accepts. */
  send(message: Out): boolean {
    const line = `${JSON.stringify(message)}\n`;
    if (Buffer.byteLength(line) > this.#options.maxOutgoingBytes) return false;
    if (!this.#closed) this.#stream.write(line);
    return true;
  }

  /** Resolves when the pipe takes more, or the channel is closed. */
  drained(): Promise<void> {
    if (this.#closed || !this.#stream.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        this.#stream.off('drain', done).off('close', done);
        resolve();
      };
      this.#stream.on('drain', done).on('close', done);
    });
  }

  close(error?: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#parts = [];
    this.#stream.destroy();
    this.#options.onClose(error);
  }

  #read(chunk: Buffer): void {
    for (let start = 0; !this.#closed;) {
      const end = chunk.indexOf(0x0a, start);
      this.#length += (end < 0 ? chunk.length : end) - start;
      if (this.#length > this.#options.maxIncomingBytes) {
        return this.close(new Error(`message of more than ${this.#options.maxIncomingBytes} bytes`));
      }
      this.#parts.push(chunk.subarray(start, end < 0 ? undefined : end));
      if (end < 0) return;
      const line = Buffer.concat(this.#parts).toString('utf8');
      this.#parts = [];
      this.#length = 0;
      start = end + 1;
      this.#dispatch(line);
    }
  }

  #dispatch(line: string): void {
    let message: In;
    try {
      message = this.#options.incoming.parse(JSON.parse(line));
    } catch (error) {
      this.close(new Error('message that is not of the protocol', { cause: error }));
      return;
    }
    this.#options.onMessage(message);
  }
}
