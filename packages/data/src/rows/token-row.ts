/** A sequence to learn from. `weights[i]` is the loss weight of predicting `tokens[i]` from the tokens before it; `weights[0]` is 0. */
export type TokenRow = { readonly tokens: Int32Array; readonly weights: Float32Array };

/** Grows a row piece by piece. */
export class RowWriter {
  readonly #tokens: number[];
  readonly #weights: number[];

  /** `start` are tokens that are given, not learnt. */
  constructor(start: readonly number[] = []) {
    this.#tokens = [...start];
    this.#weights = start.map(() => 0);
  }

  /** The newest token. */
  get last(): number | undefined {
    return this.#tokens.at(-1);
  }

  add(tokens: Iterable<number>, weight: number): this {
    for (const token of tokens) {
      this.#tokens.push(token);
      this.#weights.push(weight);
    }
    return this;
  }

  /** The row without what follows its last learnt token, since nothing is learnt from that; undefined when nothing is learnt at all. */
  row(): TokenRow | undefined {
    const length = this.#weights.findLastIndex((weight, i) => i > 0 && weight > 0) + 1;
    if (length === 0) return undefined;
    const weights = Float32Array.from(this.#weights.slice(0, length));
    weights[0] = 0;
    return { tokens: Int32Array.from(this.#tokens.slice(0, length)), weights };
  }
}
