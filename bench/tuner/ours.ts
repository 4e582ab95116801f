/** Our side of the comparison, a process of its own like the reference: same protocol, same rows. */
import { createInterface } from 'node:readline';
import { readGguf } from '@atelier/llama/gguf';
import {
  BatchProgram,
  chooseBinLength,
  Device,
  nextTokenLoss,
  Optimizer,
  packEpoch,
  tokenRows,
  wantedRoom,
  Weights,
} from '@atelier/tuner';
import { blockTargets, hyperParametersSchema } from '@atelier/tuner/contract';
import type { Settings } from './tuner-bench.ts';

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const settings = JSON.parse((await lines.next()).value as string) as Settings & { blas: boolean };
const { rank, alpha, threads } = settings;

using device = Device.open({ gpu: settings.gpu ?? 'off', threads, blas: settings.blas });
const { method, quantization } = settings;
const lora =
  method === 'full' ? undefined : { rank, alpha, targets: blockTargets, seed: 1, magnitudes: method === 'dora' };
const base = lora && quantization ? { ...lora, quantization } : lora;
using weights = await Weights.load(device, settings.modelFile, await readGguf(settings.modelFile), base);
using optimizer = new Optimizer(device, weights.parameters, hyperParametersSchema.parse({ optimizer: 'adamw' }));

const data = tokenRows({
  rows: settings.batches
    .flat()
    .map(({ tokens, weights: loss }) => ({ tokens: Int32Array.from(tokens), weights: Float32Array.from(loss) })),
  truncated: 0,
});
const { config } = weights;
const length = chooseBinLength(
  data.rows,
  settings.batchTokens,
  weights.size,
  2 * config.layers * config.heads * config.headSize,
);
const epoch = packEpoch(data.rows, length, settings.batchTokens, 0, 0);
using program = new BatchProgram(
  device,
  weights,
  nextTokenLoss,
  { length, bins: epoch.bins, wanted: wantedRoom(epoch.mostWanted, length * epoch.bins) },
  { train: true, recompute: false, dropout: 0 },
);

let step = 0;
for (let line = await lines.next(); !line.done; line = await lines.next()) {
  const started = performance.now();
  let tokens = 0;
  let loss = 0;
  for (let i = 0; i < Number(line.value); i++) {
    const batch = data.layOut(epoch.at(step % epoch.length), program.layout);
    weights.clearGradients();
    loss = program.run(batch).loss / batch.weightSum;
    optimizer.step(1e-3, ++step, batch.weightSum);
    tokens += batch.tokenCount;
  }
  console.log(
    JSON.stringify({ seconds: (performance.now() - started) / 1000, tokens, loss, backend: device.description }),
  );
}
console.log(JSON.stringify({ peakBytes: process.resourceUsage().maxRSS * 1024 }));
