/**
 * Which tokens may not come next so that no run of `size` tokens occurs twice (Hugging Face's `no_repeat_ngram_size`).
 * Counts the prompt as well as what was generated.
 */
export class RepeatedNgrams {
  readonly #size: number;
  readonly #tokens: number[] = [];
  /** The last token of every n-gram seen, by the tokens before it. */
  readonly #followers = new Map<string, Set<number>>();

  constructor(size: number) {
    this.#size = size;
  }

  accept(token: number): void {
    this.#tokens.push(token);
    if (this.#tokens.length < this.#size) return;
    const key = this.#tokens.slice(this.#tokens.length - this.#size, -1).join();
    const followers = this.#followers.get(key);
    if (followers) followers.add(token);
    else this.#followers.set(key, new Set([token]));
  }

  /** Tokens that would complete an n-gram seen before. */
  banned(): Iterable<number> {
    if (this.#tokens.length < this.#size - 1) return [];
    return this.#followers.get(this.#tokens.slice(this.#tokens.length - this.#size + 1).join()) ?? [];
  }
}
