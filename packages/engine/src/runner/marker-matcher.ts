/** Finds the first of some byte strings to end in bytes that arrive token by token. */
export class MarkerMatcher {
  readonly #markers: readonly string[];
  readonly #longest: number;
  /** The last bytes, as Latin-1 so that one byte is one character. */
  #tail = '';

  constructor(markers: readonly string[]) {
    this.#markers = markers.map((marker) => Buffer.from(marker).toString('latin1'));
    this.#longest = Math.max(...this.#markers.map(({ length }) => length));
  }

  /** What adding these bytes would do: complete a marker, complete one and go on past its end, or neither. */
  test(bytes: Uint8Array): 'complete' | 'past' | undefined {
    const seen = this.#tail + Buffer.from(bytes).toString('latin1');
    let result: 'complete' | 'past' | undefined;
    for (const marker of this.#markers) {
      const at = seen.indexOf(marker);
      if (at < 0) continue;
      if (at + marker.length < seen.length) return 'past';
      result = 'complete';
    }
    return result;
  }

  add(bytes: Uint8Array): void {
    this.#tail = (this.#tail + Buffer.from(bytes).toString('latin1')).slice(1 - this.#longest || Infinity);
  }
}
