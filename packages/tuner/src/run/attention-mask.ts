/** Which keys each query of a micro-batch sees. */
import type { MaskRule } from '../models/config.ts';
import type { BatchArrays, BatchLayout } from './batch.ts';

/** [bins, query, key]: 0 where a query may see a key, -infinity elsewhere. Windows count in positions of a row. */
export function attentionMask(
  { stretches, positions }: Pick<BatchArrays, 'stretches' | 'positions'>,
  { length, bins }: BatchLayout,
  { causal, window = Infinity }: MaskRule,
): Float32Array {
  const rows = length * bins;
  const mask = new Float32Array(length * rows).fill(-Infinity);
  for (const [bin, inBin] of stretches.entries()) {
    const first = bin * length;
    for (const { from, to, prefix } of inBin) {
      for (let i = from; i < to; i++) {
        const query = (first + i) * length;
        mask.fill(0, query + Math.max(from, i - window + 1), query + (causal ? i + 1 : to));
        if (!prefix) continue;
        const oldest = positions[first + i]! - positions[first + prefix.from]! - window + 1;
        mask.fill(0, query + Math.min(prefix.to, prefix.from + Math.max(0, oldest)), query + prefix.to);
      }
    }
  }
  // A padding query sees itself: a softmax over nothing is not a number.
  for (let row = 0; row < rows; row++) mask[row * length + (row % length)] = 0;
  return mask;
}
