import type { Head } from './head-file.ts';

/** What a head says of one sequence for one target: a probability for each label, or the number of a scalar. */
export type TargetScores = {
  readonly name: string;
  readonly kind: 'single' | 'multi' | 'scalar';
  readonly labels: readonly string[];
  readonly values: readonly number[];
};

/** One vector out of a sequence's hidden states, in order, as `pooling` says. */
export function joinHidden(pooling: Head['pooling'], states: readonly Float32Array[]): Float32Array {
  if (states.length === 0) throw new RangeError('a sequence without tokens has no hidden state');
  if (pooling === 'cls') return states[0]!.slice();
  if (pooling === 'last') return states.at(-1)!.slice();
  const sum = new Float64Array(states[0]!.length);
  for (const state of states) for (let i = 0; i < sum.length; i++) sum[i]! += state[i]!;
  return Float32Array.from(sum, (value) => value / states.length);
}

/** Scores of each target from a pooled hidden state of `head.width` numbers. */
export function applyHead(head: Head, hidden: Float32Array): TargetScores[] {
  if (hidden.length !== head.width) throw new RangeError(`${hidden.length} numbers into a head of ${head.width}`);
  let output = 0;
  const next = (): number => {
    let sum = head.bias[output]!;
    const row = output++ * head.width;
    for (let i = 0; i < head.width; i++) sum += head.weight[row + i]! * hidden[i]!;
    return sum;
  };
  return head.targets.map(({ name, kind, labels }) => {
    const raw = Array.from({ length: kind === 'scalar' ? 1 : labels.length }, next);
    return { name, kind, labels, values: probabilities(kind, raw) };
  });
}

/** The embedding that a head without targets makes of a pooled hidden state. */
export function embeddingOf({ normalise }: Pick<Head, 'normalise'>, hidden: Float32Array): Float32Array {
  if (!normalise) return hidden;
  const length = Math.hypot(...hidden);
  return length > 0 ? hidden.map((value) => value / length) : hidden;
}

/** What raw outputs of one target mean: softmax, a sigmoid each, or themselves. */
export function probabilities(kind: TargetScores['kind'], raw: readonly number[]): number[] {
  if (kind === 'scalar') return [...raw];
  if (kind === 'multi') return raw.map((value) => 1 / (1 + Math.exp(-value)));
  const largest = Math.max(...raw);
  const powers = raw.map((value) => Math.exp(value - largest));
  const total = powers.reduce((sum, value) => sum + value, 0);
  return powers.map((value) => value / total);
}
