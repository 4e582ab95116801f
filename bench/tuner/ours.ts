/** Our side of the comparison, a process of its own like the reference: same protocol, same rows. */
import { createInterface } from 'node:readline';
import { readGguf } from '@atelier/llama/gguf';
import {
  BatchProgram,
  chooseBinLength,
  Device,
  layOut,
  Optimizer,
  packEpoch,
  wantedRoom,
  Weights,
} from '@atelier/tuner';
import { hyperParametersSchema, loraTargets } from '@atelier/tuner/contract';
import type { Settings } from './tuner-bench.ts';

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const settings = JSON.parse((await lines.next()).value as string) as Settings & { blas: boolean };
const { rank, alpha, threads } = settings;

using device = Device.open({ gpu: 'off', threads, blas: settings.blas });
const lora = settings.method === 'lora' ? { rank, alpha, targets: loraTargets, seed: 1 } : undefined;
using weights = await Weights.load(device, settings.modelFile, await readGguf(settings.modelFile), lora);
using optimizer = new Optimizer(device, weights.parameters, hyperParametersSchema.parse({ optimizer: 'adamw' }));

const rows = settings.batches
  .flat()
  .map(({ tokens, weights: loss }) => ({ tokens: Int32Array.from(tokens), weights: Float32Array.from(loss) }));
const { config } = weights;
const length = chooseBinLength(
  rows,
  settings.batchTokens,
  weights.size,
  2 * config.layers * config.heads * config.headSize,
);
const bins = Math.max(1, Math.floor(settings.batchTokens / length));
const epoch = packEpoch(rows, length, bins, 0, 0);
using program = new BatchProgram(
  device,
  weights,
  { length, bins, wanted: wantedRoom(epoch.mostWanted, length * bins) },
  { train: true, recompute: false, dropout: 0 },
);

let step = 0;
for (let line = await lines.next(); !line.done; line = await lines.next()) {
  const started = performance.now();
  let tokens = 0;
  let loss = 0;
  for (let i = 0; i < Number(line.value); i++) {
    const batch = layOut(epoch.at(step % epoch.length), program.layout);
    weights.clearGradients();
    loss = program.run(batch).loss / batch.weightSum;
    optimizer.step(1e-3, ++step, batch.weightSum);
    tokens += batch.tokenCount;
  }
  console.log(JSON.stringify({ seconds: (performance.now() - started) / 1000, tokens, loss }));
}
console.log(JSON.stringify({ peakBytes: process.resourceUsage().maxRSS * 1024 }));
