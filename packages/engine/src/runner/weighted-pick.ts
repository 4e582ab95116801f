/** Less likely ones than this share of the best are looked at when the others do not suffice. */
const unlikely = 1e-3;

/** Tokens of a vocabulary that a sorting key can tell apart beside the 31 bits of a probability. */
export const maxTokens = 2 ** 21;

/**
 * Picks a token by its probability, among the likeliest that make up `topP` of all, given a number from 0 to below 1;
 * undefined where none is possible.
 */
export function weightedPick(probabilities: Float32Array, topP: number, random: number): number | undefined {
  if (topP >= 1) return pickOfAll(probabilities, random);
  const tokens = likeliest(probabilities, topP);
  let rest = random * sumOf(probabilities, tokens);
  for (const token of tokens) {
    rest -= probabilities[token]!;
    if (rest < 0) return token;
  }
  // Rounding has left a little over.
  return tokens[0];
}

function pickOfAll(probabilities: Float32Array, random: number): number | undefined {
  let last: number | undefined;
  let sum = 0;
  for (let token = 0; token < probabilities.length; token++) {
    const probability = probabilities[token]!;
    if (!(probability > 0)) continue;
    sum += probability;
    if (sum > random) return token;
    last = token;
  }
  return last;
}

/** The fewest tokens that make up `topP`, likeliest first. */
function likeliest(probabilities: Float32Array, topP: number): number[] {
  let best = 0;
  for (let token = 0; token < probabilities.length; token++) best = Math.max(best, probabilities[token]! || 0);
  let tokens = above(probabilities, unlikely * best);
  if (sumOf(probabilities, tokens) < topP) tokens = above(probabilities, 0);
  let missing = topP;
  let end = 0;
  while (end < tokens.length && (missing > 0 || end === 0)) missing -= probabilities[tokens[end++]!]!;
  return tokens.slice(0, end);
}

/** The possible tokens of at least this probability, likeliest first, sorted as numbers of their own: comparing one by one takes longer. */
function above(probabilities: Float32Array, least: number): number[] {
  const bits = new Uint32Array(probabilities.buffer, probabilities.byteOffset, probabilities.length);
  const keys = new Float64Array(probabilities.length);
  let count = 0;
  for (let token = 0; token < probabilities.length; token++) {
    const probability = probabilities[token]!;
    // Positive floating-point numbers have the order of their bits.
    if (probability >= least && probability > 0) keys[count++] = bits[token]! * maxTokens + (maxTokens - 1 - token);
  }
  return Array.from(keys.subarray(0, count).sort(), (key) => maxTokens - 1 - (key % maxTokens)).reverse();
}

function sumOf(probabilities: Float32Array, tokens: readonly number[]): number {
  let sum = 0;
  for (const token of tokens) sum += probabilities[token]!;
  return sum;
}
