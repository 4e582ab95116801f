import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { PreferenceRows, TokenRow } from '@atelier/data';
import { readGguf } from '@atelier/llama/gguf';
import { tinyFamilies, writeTinyModel } from '@atelier/llama/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hyperParametersSchema, type HyperParameters } from '../src/contract/index.ts';
import { Device } from '../src/graph/device.ts';
import { download, upload } from '../src/graph/memory.ts';
import { elements } from '../src/graph/value.ts';
import { Weights, type LoraOptions } from '../src/models/weights.ts';
import { exampleOf, sizeOf, type Example } from '../src/objectives/preference/examples.ts';
import { layOutExamples } from '../src/objectives/preference/lay-out.ts';
import { buildPreferenceLoss, likelihoodsOnly } from '../src/objectives/preference/loss.ts';
import { losses } from '../src/objectives/preference/preference.ts';
import { askReference } from '../src/objectives/preference/reference.ts';
import { lossChunks } from '../src/operations/cross-entropy.ts';
import { fillNormal, randomStream } from '../src/random.ts';
import { BatchProgram } from '../src/run/batch-program.ts';
import type { BatchArrays, BatchLayout } from '../src/run/batch.ts';
import { writeAdapter } from '../src/run/export.ts';
import { libllamaLogits } from './model-logits.ts';

const lora: LoraOptions = {
  rank: 4,
  alpha: 8,
  targets: ['q', 'k', 'v', 'o', 'gate', 'up', 'down'],
  seed: 3,
  rankStabilised: false,
};
const layout: BatchLayout = { length: 64, bins: 2, wanted: 40, rows: 8 };
/** Which examples share which bin. */
const bins = [
  [2, 0],
  [1, 3],
];

const row = (prompt: readonly number[], answer: readonly number[]): TokenRow => ({
  tokens: Int32Array.from([...prompt, ...answer]),
  weights: Float32Array.from([...prompt.map(() => 0), ...answer.map(() => 1)]),
});
const prompt = [10, 200, 31, 7, 99, 150, 3, 64];
/** Long and short prompts; answers that begin alike; a pair that shares one token; one answer alone. */
const pairs: readonly PreferenceRows[] = [
  { chosen: row(prompt, [12, 13, 14, 200]), rejected: row(prompt, [12, 31, 8]) },
  { chosen: row([5], [6, 7, 8, 9]), rejected: row([5], [300, 2, 300, 2, 300, 2]) },
  { chosen: row([40, 41, 42], [43]), rejected: row([40, 41, 50, 51], [52, 53]) },
];
const single: PreferenceRows = { rejected: row(prompt, [77, 78, 79]) };

let root: string;
let device: Device;
let model: string;
let adapter: string;
beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'tuner-preference-'));
  device = Device.open({ gpu: 'off', threads: 1 });
  model = path.join(root, 'tiny.gguf');
  adapter = path.join(root, 'adapter.gguf');
  await writeTinyModel(model, { dim: 32, ff: 64, tied: true });
  using weights = await loaded(device, lora);
  randomise(device, weights);
  await writeAdapter(device, weights, lora.alpha, adapter);
});
afterAll(async () => {
  device[Symbol.dispose]();
  await rm(root, { recursive: true });
});

async function loaded(on: Device, adapterOptions?: LoraOptions): Promise<Weights> {
  return Weights.load(on, model, await readGguf(model), adapterOptions);
}

function randomise(on: Device, weights: Weights): void {
  for (const [index, { value }] of weights.parameters.entries()) {
    const data = new Float32Array(elements(value.shape));
    fillNormal(data, randomStream(5, index), 0.1);
    upload(on, value.tensor, data);
  }
}

const settings = (changes: Partial<HyperParameters>): HyperParameters => hyperParametersSchema.parse(changes);

type LossName = HyperParameters['preferenceLoss'];

function examplesOf(loss: LossName): Example[] {
  return [...pairs, ...(loss === 'kto' ? [single] : [])].map((rows) => exampleOf(rows, 256)!);
}

/** The batch of all examples, with what the weights as they are now think of them as the reference. */
function batchOf(on: Device, weights: Weights, loss: LossName): BatchArrays {
  const examples = examplesOf(loss);
  const members = bins.map((bin) => bin.filter((index) => index < examples.length));
  const options = { perToken: false, countsAnswers: loss === 'kto' };
  const reference = new Float32Array(2 * examples.length);
  using program = new BatchProgram(on, weights, likelihoodsOnly, layout, {
    train: false,
    recompute: false,
    dropout: 0,
  });
  const { chosen, rejected } = program.run(layOutExamples(examples, members, layout, options)).outputs;
  for (const [place, index] of members.flat().entries()) {
    reference[2 * index] = chosen![place]!;
    reference[2 * index + 1] = rejected![place]!;
  }
  return layOutExamples(examples, members, layout, { ...options, perToken: losses[loss].perToken, reference });
}

const train = { train: true, recompute: false, dropout: 0 };

/** Log-probabilities of an answer's tokens by libllama. */
function tokenLikelihoods({ tokens, weights }: TokenRow, logits: Float32Array): number[] {
  const vocabulary = logits.length / tokens.length;
  return [...weights.keys()]
    .filter((i) => weights[i]! > 0)
    .map((i) => {
      const at = [...logits.subarray((i - 1) * vocabulary, i * vocabulary)];
      const most = Math.max(...at);
      const sum = at.reduce((total, logit) => total + Math.exp(logit - most), 0);
      return at[tokens[i]!]! - most - Math.log(sum);
    });
}

type Likelihood = { sum: number; mean: number; reference: number };

function byLibllama(answer: TokenRow): Likelihood {
  const tokens = [[...answer.tokens]];
  const own = tokenLikelihoods(answer, libllamaLogits(model, tokens, adapter)[0]!);
  const reference = tokenLikelihoods(answer, libllamaLogits(model, tokens)[0]!);
  const total = (values: number[]): number => values.reduce((sum, value) => sum + value, 0);
  return { sum: total(own), mean: total(own) / own.length, reference: total(reference) };
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const clipped = (x: number, limit: number): number => (limit === 0 ? x : Math.max(-limit, Math.min(limit, x)));

/** The losses as the papers write them. */
function direct(h: HyperParameters): number {
  const beta = h.preferenceBeta;
  const both = pairs.map(({ chosen, rejected }) => ({ chosen: byLibllama(chosen!), rejected: byLibllama(rejected!) }));
  const reward = ({ sum, reference }: Likelihood): number => clipped(beta * (sum - reference), h.rewardClip);
  if (h.preferenceLoss === 'dpo') {
    return both.reduce((total, { chosen, rejected }) => {
      const d = reward(chosen) - reward(rejected);
      const straight = -Math.log(sigmoid(d - h.rewardMargin));
      const swapped = -Math.log(sigmoid(-d - h.rewardMargin));
      return total + (1 - h.labelSmoothing) * straight + h.labelSmoothing * swapped;
    }, 0);
  }
  if (h.preferenceLoss === 'orpo') {
    const logOdds = (mean: number): number => mean - Math.log(1 - Math.exp(mean));
    return both.reduce(
      (total, { chosen, rejected }) =>
        total - chosen.mean - beta * Math.log(sigmoid(logOdds(chosen.mean) - logOdds(rejected.mean))),
      0,
    );
  }
  const good = both.map(({ chosen }) => reward(chosen));
  const bad = [...both.map(({ rejected }) => rejected), byLibllama(single.rejected!)].map(reward);
  const point = Math.max(0, [...good, ...bad].reduce((sum, r) => sum + r, 0) / (good.length + bad.length));
  return (
    good.reduce((total, r) => total + h.desirableWeight * (1 - sigmoid(r - point)), 0) +
    bad.reduce((total, r) => total + h.undesirableWeight * (1 - sigmoid(point - r)), 0)
  );
}

describe('the loss', () => {
  it.each([
    { preferenceLoss: 'dpo' },
    { preferenceLoss: 'dpo', preferenceBeta: 0.5, labelSmoothing: 0.2 },
    { preferenceLoss: 'dpo', rewardClip: 0.05 },
    { preferenceLoss: 'dpo', rewardMargin: 0.7, labelSmoothing: 0.1 },
    { preferenceLoss: 'orpo', preferenceBeta: 0.3 },
    { preferenceLoss: 'kto', preferenceBeta: 0.4 },
    { preferenceLoss: 'kto', preferenceBeta: 0.4, desirableWeight: 2, undesirableWeight: 0.5, rewardClip: 0.3 },
  ] as const)('is what its formula makes of the probabilities by libllama: %o', async (changes) => {
    const h = settings(changes);
    using weights = await loaded(device, lora);
    const batch = batchOf(device, weights, h.preferenceLoss);
    randomise(device, weights);
    using program = new BatchProgram(device, weights, buildPreferenceLoss(losses[h.preferenceLoss], h), layout, train);
    const expected = direct(h);
    expect(Math.abs(program.run(batch).loss - expected)).toBeLessThan(1e-3);
    expect(batch.weightSum).toBe(h.preferenceLoss === 'kto' ? 7 : 3);
  });

  it('of KTO counts from the mean reward where that is above 0', async () => {
    const h = settings({ preferenceLoss: 'kto', preferenceBeta: 0.4 });
    using weights = await loaded(device, lora);
    using other = await loaded(device, lora);
    randomise(device, other);
    using program = new BatchProgram(device, weights, buildPreferenceLoss(losses.kto, h), layout, train);
    const { loss, outputs } = program.run(batchOf(device, other, 'kto'));
    const good = Array.from(outputs['chosenRewards']!.subarray(0, 4)).filter((reward) => reward !== 0);
    const bad = Array.from(outputs['rejectedRewards']!.subarray(0, 4));
    const point = [...good, ...bad].reduce((sum, reward) => sum + reward, 0) / 7;
    expect([good.length, point > 0.01]).toEqual([3, true]);
    const expected =
      good.reduce((total, reward) => total + 1 - sigmoid(reward - point), 0) +
      bad.reduce((total, reward) => total + 1 - sigmoid(point - reward), 0);
    expect(loss).toBeCloseTo(expected, 4);
  });

  it('is log 2 for a model that is its own reference, and prefers nothing', async () => {
    using weights = await loaded(device, lora);
    const batch = batchOf(device, weights, 'dpo');
    using program = new BatchProgram(device, weights, buildPreferenceLoss(losses.dpo, settings({})), layout, train);
    const { loss, outputs } = program.run(batch);
    expect(loss).toBeCloseTo(3 * Math.log(2), 5);
    expect(Math.max(...outputs['chosenRewards']!.map(Math.abs))).toBeLessThan(1e-5);
  });

  it('teaches nothing beyond a clipped reward', async () => {
    using weights = await loaded(device, lora);
    const batch = batchOf(device, weights, 'dpo');
    randomise(device, weights);
    const largestGradient = (changes: Partial<HyperParameters>): number => {
      using program = new BatchProgram(
        device,
        weights,
        buildPreferenceLoss(losses.dpo, settings(changes)),
        layout,
        train,
      );
      weights.clearGradients();
      program.run(batch);
      return Math.max(
        ...weights.parameters.flatMap(({ value }) => Array.from(download(device, value.gradientSum), Math.abs)),
      );
    };
    expect(largestGradient({})).toBeGreaterThan(1e-3);
    expect(largestGradient({ rewardClip: 1e-6 })).toBe(0);
  });
});

type Family = keyof typeof tinyFamilies;
const decoders = (Object.keys(tinyFamilies) as Family[]).filter((family) => !('encoder' in tinyFamilies[family]));

describe.each(decoders)('answers behind one prompt, %s', (family) => {
  it('are as likely as each by itself', async () => {
    const file = path.join(root, `${family}.gguf`);
    await writeTinyModel(file, { family, dim: 32, ff: 64 });
    using weights = await Weights.load(device, file, await readGguf(file));
    const examples = examplesOf('dpo');
    const members = bins.map((bin) => bin.filter((index) => index < examples.length));
    using program = new BatchProgram(device, weights, likelihoodsOnly, layout, { ...train, train: false });
    const batch = layOutExamples(examples, members, layout, { perToken: false, countsAnswers: false });
    const { outputs } = program.run(batch);
    for (const [place, index] of members.flat().entries()) {
      for (const side of ['chosen', 'rejected'] as const) {
        const answer = pairs[index]![side]!;
        const alone = tokenLikelihoods(answer, libllamaLogits(file, [[...answer.tokens]])[0]!);
        const sum = alone.reduce((total, value) => total + value, 0);
        expect(Math.abs(outputs[side]![place]! - sum), `${side} of ${index}`).toBeLessThan(3e-3);
      }
    }
  });
});

describe('the gradient', () => {
  it.each([
    { preferenceLoss: 'dpo', adapter: lora, blas: true, recompute: false },
    {
      preferenceLoss: 'dpo',
      adapter: undefined,
      blas: false,
      recompute: false,
      labelSmoothing: 0.2,
      rewardMargin: 0.5,
    },
    { preferenceLoss: 'orpo', adapter: undefined, blas: true, recompute: true },
    { preferenceLoss: 'kto', adapter: lora, blas: false, recompute: true },
  ] as const)(
    'agrees with central differences: $preferenceLoss, BLAS $blas, recomputed $recompute',
    async ({ adapter: options, blas, recompute, ...changes }) => {
      const h = settings({ ...changes, preferenceBeta: 0.5 });
      using own = Device.open({ gpu: 'off', threads: 1, blas });
      using weights = await loaded(own, options);
      const batch = batchOf(own, weights, h.preferenceLoss);
      if (options) randomise(own, weights);
      using program = new BatchProgram(own, weights, buildPreferenceLoss(losses[h.preferenceLoss], h), layout, {
        ...train,
        recompute,
      });
      weights.clearGradients();
      const before = program.run(batch);
      const gradients = new Map(weights.parameters.map(({ name, value }) => [name, download(own, value.gradientSum)]));
      // The reference point of KTO is a constant to its gradient, and differences must hold it still: below 0 it is 0.
      if (h.preferenceLoss === 'kto') {
        const rewards = [...before.outputs['chosenRewards']!, ...before.outputs['rejectedRewards']!];
        expect(rewards.reduce((sum, reward) => sum + reward, 0)).toBeLessThan(-0.1);
      }
      for (const { name, value } of weights.parameters) {
        const gradient = gradients.get(name)!;
        const largest = gradient.reduce((best, g, i) => (Math.abs(g) > Math.abs(gradient[best]!) ? i : best), 0);
        if (Math.abs(gradient[largest]!) < 0.02) continue;
        const content = download(own, value.tensor);
        const at = (offset: number): number => {
          const moved = content.slice();
          moved[largest] = content[largest]! + offset;
          upload(own, value.tensor, moved);
          return program.run(batch).loss;
        };
        const step = 1e-2;
        const difference = (at(step) - at(-step)) / (2 * step);
        upload(own, value.tensor, content);
        expect(
          Math.abs(difference - gradient[largest]!) / Math.abs(gradient[largest]!),
          `${name}[${largest}]: ${difference} and ${gradient[largest]}`,
        ).toBeLessThan(0.05);
      }
    },
  );

  it('is the same where the output head is cut into chunks', async () => {
    const wide = path.join(root, 'wide.gguf');
    await writeTinyModel(wide, { dim: 16, ff: 16, layers: 1, heads: 2, kvHeads: 1, vocabSize: 20_000, tied: true });
    using weights = await Weights.load(device, wide, await readGguf(wide), { ...lora, targets: ['o'] });
    const examples = examplesOf('dpo');
    const h = settings({ preferenceBeta: 1 });
    // The chunks follow the room for wanted positions: 1,700 rows of 20,000 logits are two, 40 are one.
    const [one, two] = [40, 1700].map((wanted) => {
      const roomy = { ...layout, wanted };
      const members = bins.map((bin) => bin.filter((index) => index < examples.length));
      const reference = Float32Array.from({ length: 6 }, (_, i) => -40 - i);
      const batch = layOutExamples(examples, members, roomy, { perToken: false, countsAnswers: false, reference });
      using program = new BatchProgram(device, weights, buildPreferenceLoss(losses.dpo, h), roomy, train);
      weights.clearGradients();
      const { loss, outputs } = program.run(batch);
      return { loss, outputs, gradients: weights.parameters.map(({ value }) => download(device, value.gradientSum)) };
    });
    expect(lossChunks(1700, 20_000).length).toBe(2);
    expect(two!.loss).toBeCloseTo(one!.loss, 4);
    for (const [index, gradient] of one!.gradients.entries())
      for (const [i, value] of gradient.entries()) expect(two!.gradients[index]![i]).toBeCloseTo(value, 4);
    expect(Math.max(...one!.gradients.flatMap((gradient) => Array.from(gradient, Math.abs)))).toBeGreaterThan(1e-3);
  });
});

describe('the reference', () => {
  const spec = 'ab'.repeat(32);
  const examples = (): Example[] => Array.from({ length: 10 }, () => examplesOf('dpo')).flat();

  /** What is asked in a directory, until so many batches are done, and how many were. */
  async function ask(directory: string, batches = Infinity, of = spec) {
    using weights = await loaded(device, lora);
    const values = new Float32Array(2 * examples().length);
    let asked = 0;
    const stop = { requested: () => (asked++ < batches ? undefined : ('interrupted' as const)) };
    const outcome = await askReference({ device, weights }, examples(), values, 64, { directory, spec: of, stop });
    return { values, outcome, asked };
  }

  it('is asked once, goes on where it stopped, and is asked again when its file is harmed or of another run', async () => {
    const [whole, parts] = [path.join(root, 'whole'), path.join(root, 'parts')];
    await Promise.all([mkdir(whole), mkdir(parts)]);
    const { values, outcome, asked: all } = await ask(whole);
    expect([outcome, all > 3, values.some(Number.isNaN)]).toEqual([undefined, true, false]);
    const first = await ask(parts, 2);
    expect(first.outcome).toBe('interrupted');
    expect(first.values.some(Number.isNaN)).toBe(true);
    const second = await ask(parts);
    expect(second.asked).toBe(all - 2);
    expect(second.values).toEqual(values);
    const file = path.join(parts, 'reference.bin');
    expect(await readFile(file)).toEqual(await readFile(path.join(whole, 'reference.bin')));
    expect((await ask(parts)).asked).toBe(0);
    expect((await ask(parts, Infinity, 'cd'.repeat(32))).asked).toBe(all);
    const bytes = await readFile(file);
    bytes[bytes.length - 3]! ^= 1;
    await writeFile(file, bytes);
    expect((await ask(parts)).asked).toBe(all);
  });
});

describe('an example', () => {
  it('holds its prompt once', () => {
    const [first, second, third] = pairs.map((rows) => exampleOf(rows, 256)!);
    expect([...first!.prompt]).toEqual(prompt);
    expect(sizeOf(first!)).toEqual({ tokens: 8 + 3 + 2, wanted: 7 });
    expect(sizeOf(second!)).toEqual({ tokens: 10, wanted: 10 });
    expect([...third!.prompt]).toEqual([40, 41]);
    expect([...third!.chosen!.tokens]).toEqual([42]);
    expect([...third!.rejected!.places]).toEqual([1, 2]);
  });

  it('is cut at the limit, and nothing when an answer is cut off', () => {
    const cut = exampleOf(pairs[0]!, 10)!;
    expect(cut.chosen!.targets.length).toBe(2);
    expect(exampleOf(pairs[0]!, 8)).toBeUndefined();
  });
});
