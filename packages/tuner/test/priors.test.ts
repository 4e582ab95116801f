import { applyHead } from '@atelier/data';
import { expect, it } from 'vitest';
import { priorsOf } from '../src/objectives/priors.ts';
import type { Target } from '../src/objectives/targets.ts';

const targets: Target[] = [
  { name: 'kind', kind: 'single', labels: ['a', 'b'], weight: 1 },
  { name: 'traits', kind: 'multi', labels: ['rare', 'never', 'unknown'], weight: 1 },
  { name: 'size', kind: 'scalar', labels: [], weight: 1 },
];

it('a head that knows nothing gives each label its share of the data', () => {
  const known = Array.from({ length: 99 }, (_, index) => ({
    weight: index < 2 ? 2 : 1,
    values: [
      Float32Array.of(index % 3 === 0 ? 1 : 0, index % 3 === 0 ? 0 : 1),
      Float32Array.of(index < 9 ? 1 : 0, 0, NaN),
      index > 50 ? undefined : Float32Array.of(index),
    ],
  }));
  const bias = Float32Array.from(priorsOf(targets, known).flatMap((each) => [...each]));
  const weight = new Float32Array(bias.length);
  const head = {
    task: 'classification' as const,
    pooling: 'mean' as const,
    normalise: false,
    width: 1,
    targets,
    weight,
    bias,
  };
  const [single, multi, scalar] = applyHead(head, Float32Array.of(1)).map(({ values }) => values);
  expect(single).toEqual([expect.closeTo(34.5 / 102, 4), expect.closeTo(67.5 / 102, 4)]);
  expect(multi).toEqual([expect.closeTo(11.5 / 102, 4), expect.closeTo(0.5 / 102, 4), 0.5]);
  expect(scalar).toEqual([0]);
});
