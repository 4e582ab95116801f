/** Less likely ones than this share of the best are looked at when the others do not suffice. */
const unlikely = 1e-3;

/** Tokens of a vocabulary that a sorting key can tell apart beside the 31 bits of a probability. */
export const maxTokens = 2 ** 21;

/**
 * Picks a token by its probability, among the likeliest that make up `topP` of all, given a number from 0 to below 1;
 * undefined where none is possible.
 */
export function weightedPick(probabilities: Float32Array, topP: number, random: number): number | undefined {
  return topP >= 1 ? pickOfAll(probabilities, random) : pickOfNucleus(probabilities, topP, random);
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

/** The nucleus: the fewest tokens that make up `topP`, of equally likely ones the first. */
function pickOfNucleus(probabilities: Float32Array, topP: number, random: number): number | undefined {
  let best = 0;
  for (let token = 0; token < probabilities.length; token++) {
    if (probabilities[token]! > best) best = probabilities[token]!;
  }
  let { keys, sum } = sortedFrom(probabilities, unlikely * best);
  if (sum < topP) ({ keys } = sortedFrom(probabilities, 0));
  let first = keys.length;
  let nucleus = 0;
  while (first > 0 && (nucleus < topP || first === keys.length)) nucleus += probabilities[tokenOf(keys[--first]!)]!;
  let rest = random * nucleus;
  for (let at = keys.length - 1; at >= first; at--) {
    const token = tokenOf(keys[at]!);
    rest -= probabilities[token]!;
    // Rounding may leave a little over after the last.
    if (rest < 0 || at === first) return token;
  }
  return undefined;
}

/**
 * The possible tokens of at least this probability, the likeliest last, and what they make up. They are sorted as numbers of
 * their own: a function that compares takes several times as long.
 */
function sortedFrom(probabilities: Float32Array, least: number): { keys: Float64Array; sum: number } {
  const bits = new Uint32Array(probabilities.buffer, probabilities.byteOffset, probabilities.length);
  let count = 0;
  for (let token = 0; token < probabilities.length; token++) {
    const probability = probabilities[token]!;
    if (probability >= least && probability > 0) count++;
  }
  const keys = new Float64Array(count);
  let sum = 0;
  let at = 0;
  for (let token = 0; at < count; token++) {
    const probability = probabilities[token]!;
    if (!(probability >= least && probability > 0)) continue;
    // Positive floating-point numbers have the order of their bits.
    keys[at++] = bits[token]! * maxTokens + (maxTokens - 1 - token);
    sum += probability;
  }
  return { keys: keys.sort(), sum };
}

const tokenOf = (key: number): number => maxTokens - 1 - (key - Math.floor(key / maxTokens) * maxTokens);
