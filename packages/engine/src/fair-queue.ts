/**
 * One line of waiting items per owner. Who is served next depends on what each owner already has, so that an owner with
 * a thousand items waiting delays the others by no more than one.
 */
export class FairQueue<T> {
  /** In the order in which the owners were last served, longest ago first. */
  readonly #lines = new Map<string, T[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(owner: string, item: T): void {
    const line = this.#lines.get(owner);
    if (line) line.push(item);
    else this.#lines.set(owner, [item]);
    this.#size++;
  }

  /** Removes the first item of the owner with the least `load`; among equals, of the one served longest ago. */
  shift(load: (owner: string) => number): T | undefined {
    let best: string | undefined;
    let least = Infinity;
    for (const owner of this.#lines.keys()) {
      const weight = load(owner);
      if (weight < least) [best, least] = [owner, weight];
    }
    if (best === undefined) return undefined;
    const line = this.#lines.get(best)!;
    const item = line.shift();
    this.#lines.delete(best);
    if (line.length > 0) this.#lines.set(best, line);
    this.#size--;
    return item;
  }

  remove(owner: string, item: T): boolean {
    const line = this.#lines.get(owner);
    const index = line?.indexOf(item) ?? -1;
    if (!line || index < 0) return false;
    line.splice(index, 1);
    if (line.length === 0) this.#lines.delete(owner);
    this.#size--;
    return true;
  }

  /**
   * Makes room for one item of `owner` in a full queue: removes the newest item of the longest line, unless `owner`'s own
   * line would then be the longest.
   */
  displaceFor(owner: string): T | undefined {
    let longest: [string, T[]] | undefined;
    for (const entry of this.#lines) if (!longest || entry[1].length > longest[1].length) longest = entry;
    if (!longest || longest[1].length <= (this.#lines.get(owner)?.length ?? 0) + 1) return undefined;
    this.#size--;
    return longest[1].pop();
  }
}
