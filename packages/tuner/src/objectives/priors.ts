import type { Known, Target } from './targets.ts';

/**
 * Biases with which a head that knows nothing gives each label's share of the training data: log odds of labels by
 * themselves, logarithms of those of which one holds, zero of scalars. Where labels are rare, a head that began at even
 * odds would teach the model below to say the same of everything, long before the biases had moved by themselves.
 */
export function priorsOf(targets: readonly Target[], known: readonly Known[]): Float32Array[] {
  return targets.map(({ kind, labels }, index) => {
    if (kind === 'scalar') return new Float32Array(1);
    const holds = labels.map(() => 0);
    const seen = labels.map(() => 0);
    for (const { values, weight } of known) {
      for (const [label, value] of values[index]?.entries() ?? []) {
        if (Number.isNaN(value)) continue;
        holds[label]! += weight * value;
        seen[label]! += weight;
      }
    }
    return Float32Array.from(labels, (_, label) => {
      // Half an example more on each side: no label is certain.
      const share = (holds[label]! + 0.5) / (seen[label]! + 1);
      return kind === 'single' ? Math.log(share) : Math.log(share / (1 - share));
    });
  });
}
