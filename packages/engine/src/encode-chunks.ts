/** How much one command to a runner holds, so that tokenising it holds up generations for milliseconds only. */
const chunkInputs = 256;
const chunkBytes = 256 << 10;

/** Cuts a list into parts of bounded size, in order; an item that is larger than a part stands alone. */
export function* chunksOf<T>(items: readonly T[]): Generator<{ first: number; part: T[] }, void, void> {
  let part: T[] = [];
  let bytes = 0;
  for (const [index, item] of items.entries()) {
    const size = JSON.stringify(item).length;
    if (part.length > 0 && (part.length === chunkInputs || bytes + size > chunkBytes)) {
      yield { first: index - part.length, part };
      part = [];
      bytes = 0;
    }
    part.push(item);
    bytes += size;
  }
  if (part.length > 0) yield { first: items.length - part.length, part };
}
