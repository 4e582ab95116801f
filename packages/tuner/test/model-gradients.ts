/** Compares the gradient of a whole model's loss with central differences. */
import type { Device } from '../src/graph/device.ts';
import { download, upload } from '../src/graph/memory.ts';
import { elements } from '../src/graph/value.ts';
import type { Weights } from '../src/models/weights.ts';
import { nextTokenLoss } from '../src/objectives/generation.ts';
import { fillNormal, randomStream } from '../src/random.ts';
import { layOut, type BatchArrays, type BatchLayout } from '../src/run/batch.ts';
import { BatchProgram } from '../src/run/batch-program.ts';

export const rows = [
  [10, 200, 31, 7, 7, 99, 150, 3, 64, 12, 13, 14, 200, 31, 8],
  [5, 6, 7, 8, 9, 200],
  [300, 2, 300, 2, 300, 2, 300],
];

export const layout: BatchLayout = { length: 32, bins: 2, wanted: 20 };

/** Two of the rows in a bin each, some positions of them supervised. */
export function supervisedBatch(): BatchArrays {
  const bin = (row: readonly number[]) => ({
    tokens: Int32Array.from(row),
    positions: Int32Array.from(row, (_, i) => i),
    rowStarts: new Int32Array([0]),
    targets: Int32Array.from(row, (_, i) => (i + 1 < row.length && i % 3 > 0 ? row[i + 1]! : -1)),
    weights: Float32Array.from(row, (_, i) => (i + 1 < row.length && i % 3 > 0 ? 1 + (i % 2) : 0)),
  });
  return layOut([bin(rows[0]!), bin(rows[2]!)], layout);
}

/** B starts at zero; a trained adapter's is not. */
export function randomiseAdapter(device: Device, weights: Weights): void {
  for (const [index, { value }] of weights.parameters.entries()) {
    const data = new Float32Array(elements(value.shape));
    fillNormal(data, randomStream(5, index), 0.1);
    upload(device, value.tensor, data);
  }
}

/** Far below the gradients of these models, well above what rounding makes of one that is 0. */
const noise = 1e-2;

/** For each trained tensor the relative error of its largest gradient; of `every` n-th tensor only. */
export function gradientErrors(
  device: Device,
  weights: Weights,
  { recompute = false, step = 2e-2, every = 1 } = {},
): Map<string, number> {
  using program = new BatchProgram(device, weights, nextTokenLoss, layout, { train: true, recompute, dropout: 0 });
  const data = supervisedBatch();
  weights.clearGradients();
  program.run(data);
  const checked = weights.parameters.filter((_, index) => index % every === 0);
  const gradients = checked.map(({ value }) => download(device, value.gradientSum));
  return new Map(
    checked.map(({ name, value }, index) => {
      const gradient = gradients[index]!;
      const largest = gradient.reduce((best, g, i) => (Math.abs(g) > Math.abs(gradient[best]!) ? i : best), 0);
      const content = download(device, value.tensor);
      const at = (offset: number): number => {
        const moved = content.slice();
        moved[largest] = content[largest]! + offset;
        upload(device, value.tensor, moved);
        return program.run(data).loss;
      };
      const difference = (at(step) - at(-step)) / (2 * step);
      upload(device, value.tensor, content);
      // A bias of all keys alike changes no softmax: its gradient is 0, and what is left of it noise.
      const size = Math.max(Math.abs(gradient[largest]!), noise);
      return [`${name}[${largest}]`, Math.abs(difference - gradient[largest]!) / size];
    }),
  );
}
