import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isAtelierError } from '@atelier/errors';
import { readGguf } from '@atelier/llama/gguf';
import { tinyFamilies, writeTinyModel, type TinyModelOptions } from '@atelier/llama/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Device } from '../src/graph/device.ts';
import { download, upload } from '../src/graph/memory.ts';
import { elements } from '../src/graph/value.ts';
import { trainableModel } from '../src/models/trainable.ts';
import { Weights, type LoraOptions } from '../src/models/weights.ts';
import { nextTokenLoss } from '../src/objectives/generation.ts';
import { fillNormal, randomStream } from '../src/random.ts';
import { BatchProgram } from '../src/run/batch-program.ts';
import { writeAdapter, writeModel } from '../src/run/export.ts';
import { gradientErrors, layout, randomiseAdapter, rows, supervisedBatch } from './model-gradients.ts';
import { largestDifference, libllamaLogits, tunerLogits } from './model-logits.ts';

type Family = keyof typeof tinyFamilies;
const families = Object.keys(tinyFamilies) as Family[];
const lora: LoraOptions = { rank: 4, alpha: 8, targets: ['q', 'k', 'v', 'o', 'gate', 'up', 'down'], seed: 3 };

let directory: string;
let device: Device;
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'families-'));
  device = Device.open({ gpu: 'off', threads: 1 });
});
afterAll(async () => {
  device[Symbol.dispose]();
  await rm(directory, { recursive: true });
});

async function model(options: TinyModelOptions): Promise<string> {
  const file = path.join(directory, `${Math.random()}.gguf`);
  await writeTinyModel(file, { dim: 32, ff: 64, ...options });
  return file;
}

async function outputs(file: string): Promise<Float32Array[]> {
  using weights = await Weights.load(device, file, await readGguf(file));
  return tunerLogits(device, weights, rows);
}

describe.each(families)('%s', (family) => {
  it('gives what libllama gives', async () => {
    const file = await model({ family });
    expect(largestDifference(await outputs(file), libllamaLogits(file, rows))).toBeLessThan(1e-3);
  });

  it('gives what libllama gives with the adapter that it writes', async () => {
    const file = await model({ family });
    using weights = await Weights.load(device, file, await readGguf(file), lora);
    randomiseAdapter(device, weights);
    const adapter = path.join(directory, `${family}-adapter.gguf`);
    await writeAdapter(device, weights, lora.alpha, adapter);
    const ours = tunerLogits(device, weights, rows);
    expect(largestDifference(ours, libllamaLogits(file, rows, adapter))).toBeLessThan(1e-3);
    expect(largestDifference(ours, libllamaLogits(file, rows))).toBeGreaterThan(0.01);
  });

  it('gives what libllama gives with the model that it writes', async () => {
    const file = await model({ family });
    const base = await readGguf(file);
    using weights = await Weights.load(device, file, base);
    for (const [index, { value }] of weights.parameters.entries()) {
      const noise = new Float32Array(elements(value.shape));
      fillNormal(noise, randomStream(6, index), 0.05);
      upload(
        device,
        value.tensor,
        download(device, value.tensor).map((number, i) => number + noise[i]!),
      );
    }
    const trained = path.join(directory, `${family}-trained.gguf`);
    await writeModel(device, weights, file, base, trained);
    const ours = tunerLogits(device, weights, rows);
    expect(largestDifference(ours, libllamaLogits(trained, rows))).toBeLessThan(1e-3);
    expect(largestDifference(ours, libllamaLogits(file, rows))).toBeGreaterThan(0.01);
  });

  it('has the gradient that central differences give', async () => {
    const file = await model({ family, layers: 2, dim: 16, ff: 24 });
    using weights = await Weights.load(device, file, await readGguf(file));
    // ggml looks gelu up in a table of half-precision numbers, which a small step would drown in.
    const step = weights.config.traits.activation === 'swiglu' ? 2e-2 : 6e-2;
    for (const [name, error] of gradientErrors(device, weights, { step })) expect(error, name).toBeLessThan(0.05);
    const gradientsOf = (own: Device, loaded: Weights, recompute: boolean): Float32Array[] => {
      using program = new BatchProgram(own, loaded, nextTokenLoss, layout, { train: true, recompute, dropout: 0 });
      loaded.clearGradients();
      program.run(supervisedBatch());
      return loaded.parameters.map(({ value }) => download(own, value.gradientSum));
    };
    const gradients = gradientsOf(device, weights, false);
    expect(largestDifference(gradients, gradientsOf(device, weights, true))).toBeLessThan(1e-3);
    using withoutBlas = Device.open({ gpu: 'off', threads: 1, blas: false });
    using again = await Weights.load(withoutBlas, file, await readGguf(file));
    expect(largestDifference(gradients, gradientsOf(withoutBlas, again, false))).toBeLessThan(2e-2);
  });
});

const whole = (value: number) => ({ type: 'UINT32', value }) as const;
const real = (value: number) => ({ type: 'FLOAT32', value }) as const;
const text = (value: string) => ({ type: 'STRING', value }) as const;
const factors = (scale: number) => ({ shape: [8], data: Float32Array.from({ length: 8 }, (_, i) => 1 + scale * i) });
const longrope = { rope_factors_long: 0.7, rope_factors_short: 0.1 };
const tensors = Object.fromEntries(Object.entries(longrope).map(([name, scale]) => [`${name}.weight`, factors(scale)]));

/** Variants of a family, each of which must move the outputs away from those of the plain file. */
const variants: Record<string, TinyModelOptions & { plain?: TinyModelOptions }> = {
  'llama, linear scaling': {
    metadata: { 'rope.scaling.type': text('linear'), 'rope.scaling.factor': real(4) },
  },
  'llama, a scaling factor without a type': { metadata: { 'rope.scaling.factor': real(4) } },
  'llama, YaRN': {
    metadata: {
      'rope.scaling.type': text('yarn'),
      'rope.scaling.factor': real(4),
      'rope.scaling.original_context_length': whole(64),
    },
  },
  'qwen2, YaRN with a factor of attention': {
    family: 'qwen2',
    metadata: {
      'rope.scaling.type': text('yarn'),
      'rope.scaling.factor': real(8),
      'rope.scaling.attn_factor': real(1.3),
      'rope.scaling.original_context_length': whole(32),
    },
  },
  'llama, frequency factors': { tensors: { 'rope_freqs.weight': factors(1) } },
  'phi3, longrope, short': {
    family: 'phi3',
    tensors,
    metadata: { 'rope.scaling.type': text('longrope'), 'rope.scaling.attn_factor': real(1.19) },
  },
  'phi3, longrope, long': {
    family: 'phi3',
    tensors,
    metadata: {
      'rope.scaling.type': text('longrope'),
      'rope.scaling.attn_factor': real(1.19),
      'rope.scaling.original_context_length': whole(16),
    },
  },
  'phi3, a part of each head rotated': { family: 'phi3', metadata: { 'rope.dimension_count': whole(8) } },
  'llama, longrope': {
    tensors,
    metadata: { 'rope.scaling.type': text('longrope'), 'rope.scaling.original_context_length': whole(16) },
  },
  'gemma2, every third layer sees all': {
    family: 'gemma2',
    metadata: { 'attention.sliding_window': whole(2), 'attention.sliding_window_pattern': whole(3) },
  },
  'gemma3, windows layer by layer': {
    family: 'gemma3',
    layers: 2,
    plain: { layers: 2 },
    metadata: {
      'attention.sliding_window': whole(3),
      'attention.sliding_window_pattern': { type: 'ARRAY', items: 'BOOL', value: [false, true] },
    },
  },
  'gemma3, no windows': { family: 'gemma3', metadata: { 'attention.sliding_window': whole(0) } },
  'gemma3, capped logits': { family: 'gemma3', metadata: { final_logit_softcapping: real(1) } },
  'smollm3, tied': { family: 'smollm3', tied: true },
};

describe('gives what libllama gives', () => {
  it.each(Object.entries(variants))('%s', async (_, { plain, ...options }) => {
    const sizes = { dim: 64, layers: 2, headSize: 16, ...options };
    const file = await model(sizes);
    const ours = await outputs(file);
    expect(largestDifference(ours, libllamaLogits(file, rows))).toBeLessThan(1e-3);
    const { metadata: _metadata, tensors: _tensors, tied: _tied, ...rest } = sizes;
    const before = await model({ ...rest, ...plain });
    expect(largestDifference(ours, await outputs(before))).toBeGreaterThan(1e-3);
  });

  it.each([
    { family: 'gemma2', layers: 46 },
    { family: 'gemma3', layers: 62 },
  ] as const)('$family of $layers layers, whose queries are scaled otherwise', async (options) => {
    const file = await model({ ...options, dim: 16, ff: 16 });
    // So many layers add up the rounding of ggml's half-precision gelu.
    expect(largestDifference(await outputs(file), libllamaLogits(file, rows))).toBeLessThan(5e-3);
  });
});

describe('refuses', () => {
  it.each<[string, TinyModelOptions, string]>([
    ['experts', { metadata: { expert_count: whole(8) } }, 'unsupported_model'],
    ['a value size of its own', { metadata: { 'attention.value_length': whole(16) } }, 'invalid_model_file'],
    ['an odd rotation', { metadata: { 'rope.dimension_count': whole(7) } }, 'invalid_model_file'],
    ['a rotation larger than a head', { metadata: { 'rope.dimension_count': whole(64) } }, 'invalid_model_file'],
    [
      'a window of nothing',
      { family: 'gemma2', metadata: { 'attention.sliding_window': whole(0) } },
      'invalid_model_file',
    ],
    [
      'a pattern of another depth',
      {
        family: 'gemma3',
        metadata: { 'attention.sliding_window_pattern': { type: 'ARRAY', items: 'BOOL', value: [true] } },
      },
      'invalid_model_file',
    ],
    [
      'a part of a head rotated where the family turns all',
      { metadata: { 'rope.dimension_count': whole(4) } },
      'invalid_model_file',
    ],
    ['heads that do not make up the width', { family: 'qwen2', headSize: 16 }, 'invalid_model_file'],
    ['an unknown scaling', { metadata: { 'rope.scaling.type': text('su') } }, 'invalid_model_file'],
    ['a scaling by infinity', { metadata: { 'rope.scaling.factor': real(Infinity) } }, 'invalid_model_file'],
    ['a cap below nothing', { family: 'gemma2', metadata: { attn_logit_softcapping: real(-1) } }, 'invalid_model_file'],
    ['heads that keys do not divide', { metadata: { 'attention.head_count_kv': whole(3) } }, 'invalid_model_file'],
    ['a million layers', { metadata: { block_count: whole(1_000_000) } }, 'invalid_model_file'],
    ['an epsilon of 0', { metadata: { 'attention.layer_norm_rms_epsilon': real(0) } }, 'invalid_model_file'],
    [
      'tensors that the family does not have',
      { tensors: { 'blk.0.attn_sinks.weight': factors(1) } },
      'invalid_model_file',
    ],
    [
      'a bias that the family does not have',
      { family: 'gemma2', tensors: { 'blk.0.ffn_up.bias': factors(1) } },
      'invalid_model_file',
    ],
  ])('%s', async (_, options, code) => {
    const file = await readGguf(await model(options));
    expect(() => trainableModel(file, 'a model')).toThrow(expect.objectContaining({ code }));
  });

  it.each(['mamba', 'constructor', '__proto__'])(
    'the architecture %s, naming those that are supported',
    async (name) => {
      const file = await readGguf(await model({}));
      const other = { ...file, metadata: new Map([...file.metadata, ['general.architecture', text(name)] as const]) };
      expect(() => trainableModel(other, 'a model')).toThrow(/supported: llama, .*gemma3.*nomic-bert/);
    },
  );

  it('adapter targets that stand for nothing in the family', async () => {
    const file = await model({ family: 'gpt2' });
    await expect(
      Weights.load(device, file, await readGguf(file), { ...lora, targets: ['gate'] }),
    ).rejects.toMatchObject({ code: 'invalid_request' });
  });
});

it('tells from the header what a model can learn', async () => {
  const tasksOf = async (family: Family) => trainableModel(await readGguf(await model({ family })), 'a model');
  expect(await tasksOf('gemma3')).toMatchObject({ architecture: 'gemma3', kind: 'decoder', context: 256 });
  expect((await tasksOf('gemma3')).tasks).toContain('generation');
  expect(await tasksOf('bert')).toMatchObject({ kind: 'encoder' });
  expect((await tasksOf('bert')).tasks).not.toContain('generation');
});

it.each([
  ['phi3', ['q'], ['attn_qkv']],
  ['phi3', ['gate'], ['ffn_up']],
  ['gpt2', ['v', 'gate', 'down'], ['attn_qkv', 'ffn_down']],
  ['qwen3', ['q', 'up'], ['attn_q', 'ffn_up']],
] as const)('adapts of %s for the targets %j the matrices %j', async (family, targets, matrices) => {
  const file = await model({ family, layers: 1 });
  using weights = await Weights.load(device, file, await readGguf(file), { ...lora, targets });
  const adapted = weights.parameters.map(({ name }) => name.split('.')[2]!);
  expect(new Set(adapted)).toEqual(new Set(matrices));
});

it.each(families)('%s keeps its matrices quantised when asked to', async (family) => {
  const file = await model({ family, dim: 64, headSize: 16 });
  using exact = await Weights.load(device, file, await readGguf(file));
  using weights = await Weights.load(device, file, await readGguf(file), { ...lora, quantization: 'q8_0' });
  expect(weights.bytes).toBeLessThan(exact.bytes);
  const difference = largestDifference(tunerLogits(device, weights, rows), tunerLogits(device, exact, rows));
  expect(difference).toBeGreaterThan(0);
  expect(difference).toBeLessThan(0.3);
});

it.each(['phi3', 'gpt2', 'gemma2'] as const)('%s with DoRA is served as trained', async (family) => {
  const file = await model({ family });
  const base = await readGguf(file);
  using weights = await Weights.load(device, file, base, { ...lora, magnitudes: true });
  randomiseAdapter(device, weights);
  const merged = path.join(directory, `${family}-dora.gguf`);
  await writeModel(device, weights, file, base, merged);
  const ours = tunerLogits(device, weights, rows);
  expect(largestDifference(ours, libllamaLogits(merged, rows))).toBeLessThan(1e-3);
});

it('refuses whatever a header may hold with an error that says why, or takes it', async () => {
  const files = await Promise.all(families.map(async (family) => readGguf(await model({ family, layers: 1 }))));
  const anyValue = fc.oneof(
    fc.double().map(real),
    fc.nat(100_000).map(whole),
    fc.string().map(text),
    fc.boolean().map((value) => ({ type: 'BOOL', value }) as const),
    fc.array(fc.boolean()).map((value) => ({ type: 'ARRAY', items: 'BOOL', value }) as const),
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value) => ({ type: 'UINT64', value }) as const),
  );
  const keys = [
    ...new Set(Object.values(variants).flatMap(({ metadata }) => Object.keys(metadata ?? {}))),
    'block_count',
    'embedding_length',
    'context_length',
    'attention.head_count',
    'attention.head_count_kv',
    'attention.key_length',
    'attention.causal',
    'feed_forward_length',
    'expert_count',
  ];
  fc.assert(
    fc.property(
      fc.constantFrom(...files),
      fc.dictionary(fc.constantFrom(...keys), anyValue, { minKeys: 1, maxKeys: 3 }),
      (file, changes) => {
        const architecture = file.metadata.get('general.architecture')!.value as string;
        const changed = Object.entries(changes).map(([key, value]) => [`${architecture}.${key}`, value] as const);
        try {
          trainableModel({ ...file, metadata: new Map([...file.metadata, ...changed]) }, 'a model');
        } catch (error) {
          if (!isAtelierError(error)) throw error;
          expect(['unsupported_model', 'invalid_model_file']).toContain(error.code);
        }
      },
    ),
    { numRuns: 500 },
  );
});
