import { AtelierError } from '@atelier/errors';

/** Aborts its signal with `deadline_exceeded` after `limit` milliseconds, unless it is disposed before or has no limit. */
export class Deadline implements Disposable {
  readonly #abort = new AbortController();
  readonly #timer: NodeJS.Timeout | undefined;

  constructor(limit: number | undefined) {
    if (limit !== undefined)
      this.#timer = setTimeout(() => this.#abort.abort(new AtelierError('deadline_exceeded', { limit })), limit);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
