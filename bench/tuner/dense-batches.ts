import type { Shape } from './shapes.ts';
import type { Row } from './tuner-bench.ts';

/** Equal rows with every token supervised: nothing to gain by packing or by leaving rows out. */
export function denseBatches(shape: Shape): Row[][] {
  const row = (seed: number): Row => ({
    tokens: Array.from({ length: shape.length }, (_, i) => 10 + ((seed * 131 + i * 17) % (shape.vocabulary - 10))),
    weights: Array.from({ length: shape.length }, (_, i) => (i === 0 ? 0 : 1)),
  });
  return [0, 1].map((batch) => Array.from({ length: shape.bins }, (_, i) => row(batch * shape.bins + i)));
}
