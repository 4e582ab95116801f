import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readGguf } from '@atelier/llama/gguf';
import { writeTinyModel } from '@atelier/llama/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blockTargets, hyperParametersSchema, type HyperParameters } from '../src/contract/index.ts';
import { Device } from '../src/graph/device.ts';
import { download } from '../src/graph/memory.ts';
import { ThreadChoice } from '../src/graph/thread-choice.ts';
import { Weights } from '../src/models/weights.ts';
import { nextTokenLoss, tokenRows } from '../src/objectives/generation.ts';
import { Optimizer } from '../src/optimizers/optimizer.ts';
import { BatchProgram } from '../src/run/batch-program.ts';
import { packEpoch, wantedRoom } from '../src/run/dataset.ts';

/** What `runs` take in all, and the number of threads of each. */
function choosing(
  choice: ThreadChoice,
  runs: number,
  cost: (threads: number) => number,
): { ms: number; used: number[] } {
  const used: number[] = [];
  let ms = 0;
  for (let i = 0; i < runs; i++) {
    const threads = choice.next();
    used.push(threads);
    choice.observe(threads, cost(threads));
    ms += cost(threads);
  }
  return { ms, used };
}

const quiet = (threads: number): number => 200 / threads;
/** Barriers that wait for time slices of others. */
const busy = (threads: number): number => (threads === 1 ? 400 : 1000 * threads);

describe('the choice of threads', () => {
  it('stays with all where the machine is quiet, and trials cost next to nothing', () => {
    const { ms, used } = choosing(new ThreadChoice(4), 5000, quiet);
    expect(used.at(-1)).toBe(4);
    expect(ms).toBeLessThan(1.02 * 5000 * quiet(4));
  });

  it('goes down to one beside busy neighbours, and up again when they have left', () => {
    const choice = new ThreadChoice(4);
    choosing(choice, 100, quiet);
    const { ms, used } = choosing(choice, 2000, busy);
    expect(used.filter((threads) => threads === 1).length).toBeGreaterThan(1900);
    expect(ms).toBeLessThan(1.1 * 2000 * busy(1));
    const after = choosing(choice, 5000, quiet);
    expect(after.used.slice(-1000).filter((threads) => threads === 4).length).toBeGreaterThan(980);
  });

  it('finds a number between', () => {
    const partly = (threads: number): number => (threads <= 2 ? quiet(threads) : busy(threads));
    expect(choosing(new ThreadChoice(8), 2000, partly).used.filter((threads) => threads === 2).length).toBeGreaterThan(
      1900,
    );
  });

  it('begins with what served others, and finds out when that was wrong', () => {
    const choice = new ThreadChoice(4, 1);
    const { used } = choosing(choice, 5000, quiet);
    expect(used[0]).toBe(1);
    expect(used.at(-1)).toBe(4);
  });

  it('has none where there is one', () => {
    expect(choosing(new ThreadChoice(1), 50, quiet).used.every((threads) => threads === 1)).toBe(true);
  });
});

describe('the number of ggml threads', () => {
  let root: string;
  let file: string;
  beforeAll(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'tuner-threads-'));
    file = path.join(root, 'tiny.gguf');
    // Odd sizes: whatever is split is split unevenly.
    await writeTinyModel(file, { dim: 72, heads: 6, kvHeads: 3, ff: 100, layers: 1, vocabSize: 300, context: 128 });
  });
  afterAll(() => rm(root, { recursive: true }));

  /** Losses and parameters after two steps, without a BLAS: everything is ggml's. */
  async function trained(
    threads: number,
    method: 'full' | 'lora',
    optimizer: HyperParameters['optimizer'],
  ): Promise<string> {
    using device = Device.open({ gpu: 'off', threads, blas: false });
    const lora = { rank: 3, alpha: 8, targets: blockTargets, seed: 1 };
    using weights = await Weights.load(device, file, await readGguf(file), method === 'lora' ? lora : undefined);
    const h = hyperParametersSchema.parse({ optimizer, momentum: 0.9, weightDecay: 0.1 });
    using update = new Optimizer(device, weights.parameters, h);
    const rows = [37, 61, 50, 41].map((length, row) => ({
      tokens: Int32Array.from({ length }, (_, i) => (row * 31 + i * 17) % 300),
      weights: Float32Array.from({ length }, (_, i) => Number(i > 0)),
    }));
    const data = tokenRows({ rows, truncated: 0 });
    const epoch = packEpoch(data.rows, 127, 256, 0, 0);
    const layout = { length: 127, bins: epoch.bins, wanted: wantedRoom(epoch.mostWanted, 127 * epoch.bins) };
    using program = new BatchProgram(device, weights, nextTokenLoss, layout, {
      train: true,
      recompute: false,
      dropout: 0.1,
    });
    const hash = createHash('sha256');
    for (let step = 1; step <= 2; step++) {
      weights.clearGradients();
      const batch = data.layOut(epoch.at(0), program.layout);
      hash.update(String(program.run(batch, step).loss));
      update.step(1e-3, step, batch.weightSum);
    }
    for (const { value } of weights.parameters) hash.update(download(device, value.tensor));
    return hash.digest('hex');
  }

  it('changes no bit', { timeout: 180_000 }, async () => {
    const full = await trained(1, 'full', 'adamw');
    for (const threads of [2, 3]) expect(await trained(threads, 'full', 'adamw')).toBe(full);
    expect(await trained(2, 'lora', 'adafactor')).toBe(await trained(1, 'lora', 'adafactor'));
  });
});
