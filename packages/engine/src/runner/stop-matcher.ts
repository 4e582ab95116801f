/**
 * Finds stop strings in text that arrives in pieces. Text that could still be the start of a stop string is held back, so
 * what `push` returns never has to be taken back. The match that ends first wins, and among those that end together the
 * longest; so the result does not depend on where the pieces are cut.
 */
export class StopMatcher {
  readonly #stops: readonly string[];
  #held = '';

  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  push(text: string): { text: string; stop?: string } {
    const seen = this.#held + text;
    let start = -1;
    let end = Infinity;
    let matched: string | undefined;
    for (const stop of this.#stops) {
      const index = seen.indexOf(stop);
      if (index < 0) continue;
      if (index + stop.length < end || (index + stop.length === end && index < start)) {
        [start, end, matched] = [index, index + stop.length, stop];
      }
    }
    if (matched !== undefined) {
      this.#held = '';
      return { text: seen.slice(0, start), stop: matched };
    }
    const safe = seen.length - this.#possibleStart(seen);
    this.#held = seen.slice(safe);
    return { text: seen.slice(0, safe) };
  }

  /** The text still held back, when nothing follows. */
  flush(): string {
    const held = this.#held;
    this.#held = '';
    return held;
  }

  /** Length of the longest end of `text` that begins a stop string. */
  #possibleStart(text: string): number {
    let longest = 0;
    for (const stop of this.#stops) {
      for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
        if (stop.startsWith(text.slice(text.length - length))) longest = length;
      }
    }
    return longest;
  }
}
