/**
 * The reference of a preference loss is the model as it was before training, which with an adapter is the model without
 * it. What it thinks of every answer never changes, so it is asked once, before the first step, and remembered in the run
 * directory: reference.bin holds the SHA-256 of what follows, the hash of the spec, and two little-endian F32 for each
 * example of the training and the validation data, NaN where it has not been asked yet. Rewritten every half minute and
 * at the end, so that a run killed before its first step goes on asking where it stopped.
 */
import { createHash } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Device } from '../../graph/device.ts';
import type { Weights } from '../../models/weights.ts';
import { BatchProgram } from '../../run/batch-program.ts';
import { binLength, packEpoch, rowRoom, wantedRoom } from '../../run/dataset.ts';
import type { PreparedRun } from '../objective.ts';
import { sizeOf, type Example } from './examples.ts';
import { layOutExamples } from './lay-out.ts';
import { likelihoodsOnly } from './loss.ts';

const secondsBetweenWrites = 30;
const hashBytes = 32;

/** Fills `values` (two for each example) by asking the weights as they are. Returns why it stopped when it did. */
export async function askReference(
  { device, weights }: { readonly device: Device; readonly weights: Weights },
  examples: readonly Example[],
  values: Float32Array<ArrayBuffer>,
  batchTokens: number,
  { directory, spec, stop }: PreparedRun,
): Promise<'cancelled' | 'interrupted' | undefined> {
  const file = path.join(directory, 'reference.bin');
  values.set(await readReference(file, spec, values.length));
  const rows = examples.map(sizeOf);
  const batches = packEpoch(rows, binLength(rows), batchTokens, 0, 0);
  const unasked = Array.from({ length: batches.length }, (_, i) => batches.at(i)).filter((bins) =>
    bins.flat().some((index) => Number.isNaN(values[2 * index]!)),
  );
  if (unasked.length === 0) return undefined;
  const layout = {
    length: batches.binLength,
    bins: batches.bins,
    wanted: wantedRoom(batches.mostWanted, batches.binLength * batches.bins),
    rows: rowRoom(batches.mostRows),
  };
  using program = new BatchProgram(device, weights, likelihoodsOnly, layout, {
    train: false,
    recompute: false,
    dropout: 0,
  });
  let written = Date.now();
  for (const bins of unasked) {
    await setImmediate();
    const request = stop.requested();
    if (request) {
      await writeReference(file, spec, values);
      return request;
    }
    const batch = layOutExamples(examples, bins, layout, { perToken: false, countsAnswers: false });
    const { chosen, rejected } = program.run(batch).outputs;
    for (const [place, index] of bins.flat().entries()) {
      values[2 * index] = chosen![place]!;
      values[2 * index + 1] = rejected![place]!;
    }
    if (Date.now() - written < secondsBetweenWrites * 1000) continue;
    await writeReference(file, spec, values);
    written = Date.now();
  }
  await writeReference(file, spec, values);
  return undefined;
}

/** What the file says, all NaN when it is of another run or harmed. */
async function readReference(file: string, spec: string, count: number): Promise<Float32Array> {
  const unknown = new Float32Array(count).fill(NaN);
  const bytes = await readFile(file).catch(() => undefined);
  if (bytes?.length !== 2 * hashBytes + count * Float32Array.BYTES_PER_ELEMENT) return unknown;
  const content = bytes.subarray(hashBytes);
  if (!createHash('sha256').update(content).digest().equals(bytes.subarray(0, hashBytes))) return unknown;
  if (content.subarray(0, hashBytes).toString('hex') !== spec) return unknown;
  return new Float32Array(new Uint8Array(content.subarray(hashBytes)).buffer);
}

async function writeReference(file: string, spec: string, values: Float32Array<ArrayBuffer>): Promise<void> {
  const content = Buffer.concat([Buffer.from(spec, 'hex'), new Uint8Array(values.buffer)]);
  const aside = await open(`${file}.writing`, 'w', 0o600);
  try {
    await aside.writeFile(Buffer.concat([createHash('sha256').update(content).digest(), content]));
    await aside.sync();
  } finally {
    await aside.close();
  }
  await rename(`${file}.writing`, file);
}
