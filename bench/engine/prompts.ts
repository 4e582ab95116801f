/** Letters that the vocabulary joins to nothing, so that each is a token. */
const letters = 'bcdfgjkmpqsuvxyz';

/** New in each round; where they are shared, seven eighths are common to them. */
export function prompts(count: number, length: number, shared: boolean, round: number): string[] {
  const text = (seed: number, size: number): string => {
    let state = seed * 2654435761 + 12345;
    return Array.from({ length: size }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return letters[state >>> 28];
    }).join('');
  };
  const common = shared ? text(Date.now() % 1_000_003, (length / 8) * 7) : '';
  return Array.from(
    { length: count },
    (_, i) => common + text(round * 1000 + i + (Date.now() % 65_521), length - common.length),
  );
}
