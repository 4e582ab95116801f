import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { type GgufValue, readGguf, readTensor, writeGguf } from '../src/gguf/index.ts';
import { LlamaContext, LlamaModel } from '../src/index.ts';
import { writeTinyModel } from '../src/testing/index.ts';
import { runChild } from './run-child.ts';
import { temporaryDirectory } from './temporary-directory.ts';
import { useTinyModel } from './tiny-model-file.ts';

const used = useTinyModel({ chatTemplate: '{{ messages }}', tied: true, kvHeads: 1, layers: 3 });

describe('LlamaModel', () => {
  it('tells what it is', () => {
    expect(used.model).toMatchObject({
      architecture: 'llama',
      name: 'tiny',
      chatTemplate: '{{ messages }}',
      contextLength: 256,
      embeddingLength: 64,
      layers: 3,
      heads: 4,
      kvHeads: 1,
      isRecurrent: false,
      hasEncoder: false,
    });
    const elements = used.model.file.tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b), 0);
    expect(used.model.parameters).toBe(elements);
    expect(used.model.bytes).toBe(elements * 4);
  });

  it('loads a vocabulary alone', () => {
    using model = LlamaModel.load(used.path, { vocabOnly: true });
    expect(model.vocab.size).toBe(320);
    expect(model.contextLength).toBe(256);
    expect([...model.vocab.tokenize('the')]).toEqual([...used.model.vocab.tokenize('the')]);
  });

  it('cannot be disposed before its contexts, and is disposed once', () => {
    const model = LlamaModel.load(used.path);
    const context = new LlamaContext(model, { nCtx: 32 });
    expect(() => model[Symbol.dispose]()).toThrow(/cannot be disposed while in use \(1 context\)/);
    expect(model.vocab.tokenize('still alive').length).toBeGreaterThan(0);
    context[Symbol.dispose]();
    context[Symbol.dispose]();
    model[Symbol.dispose]();
    model[Symbol.dispose]();
    expect(() => model.vocab.tokenize('gone')).toThrow(/used after it was disposed/);
    expect(() => model.parameters).toThrow(/used after it was disposed/);
    expect(() => new LlamaContext(model)).toThrow(/used after it was disposed/);
  });

  it.each<[string, (path: string) => Promise<unknown>, RegExp]>([
    ['that is missing', () => Promise.resolve(), /there is no such file/],
    ['that is not GGUF', (path) => writeFile(path, 'hello'), /does not start with GGUF/],
    [
      'without an architecture',
      (path) => changed(path, (metadata) => metadata.delete('general.architecture')),
      /no general\.architecture/,
    ],
    [
      'of an unknown architecture',
      (path) => changed(path, (metadata) => metadata.set('general.architecture', { type: 'STRING', value: 'nonsuch' })),
      /unknown model architecture/,
    ],
    [
      'that is an adapter',
      (path) => changed(path, (metadata) => metadata.set('general.type', { type: 'STRING', value: 'adapter' })),
      /is an adapter/,
    ],
    [
      'that is a part of one',
      (path) => changed(path, (metadata) => metadata.set('split.count', { type: 'UINT16', value: 2 })),
      /one part of a split model/,
    ],
    [
      'with no heads',
      (path) => changed(path, (metadata) => metadata.set('llama.attention.head_count', { type: 'UINT32', value: 0 })),
      /head_count is 0/,
    ],
    [
      'with a huge layer count',
      (path) => changed(path, (metadata) => metadata.set('llama.block_count', { type: 'UINT32', value: 2 ** 32 - 1 })),
      /block_count is 4294967295/,
    ],
    [
      'with a negative epsilon',
      (path) =>
        changed(path, (metadata) =>
          metadata.set('llama.attention.layer_norm_rms_epsilon', { type: 'FLOAT32', value: -1 }),
        ),
      /not in \[0, 1\)/,
    ],
    [
      'with an endless RoPE base',
      (path) => changed(path, (metadata) => metadata.set('llama.rope.freq_base', { type: 'FLOAT32', value: Infinity })),
      /freq_base is Infinity/,
    ],
    [
      'with experts that are not there',
      (path) => changed(path, (metadata) => metadata.set('llama.expert_used_count', { type: 'UINT32', value: 2 })),
      /0 experts/,
    ],
    [
      'with an unknown RoPE scaling',
      (path) => changed(path, (metadata) => metadata.set('llama.rope.scaling.type', { type: 'STRING', value: 'x' })),
      /RoPE scaling "x"/,
    ],
    [
      'without a vocabulary',
      (path) => changed(path, (metadata) => metadata.set('tokenizer.ggml.model', { type: 'STRING', value: 'none' })),
      /no vocabulary/,
    ],
    [
      'with a token twice',
      (path) => changed(path, (metadata) => ((metadata.get('tokenizer.ggml.tokens')!.value as string[])[5] = 'a')),
      /holds the token "a" twice/,
    ],
    [
      'with too few token types',
      (path) =>
        changed(path, (metadata) =>
          metadata.set('tokenizer.ggml.token_type', { type: 'ARRAY', items: 'INT32', value: [1] }),
        ),
      /token_type has 1 entries for 320 tokens/,
    ],
    [
      'of SentencePiece without bytes',
      (path) => changed(path, (metadata) => metadata.set('tokenizer.ggml.model', { type: 'STRING', value: 'llama' })),
      /no token for the byte <0x/,
    ],
    ['that lacks a tensor', (path) => changed(path, () => undefined, 'output_norm.weight'), /output_norm/],
  ])('refuses a file %s', async (_, make, reason) => {
    await using directory = await temporaryDirectory();
    const path = directory.file('case.gguf');
    await make(path);
    expect(() => LlamaModel.load(path)).toThrow(
      expect.objectContaining({
        code: 'invalid_model_file',
        message: expect.stringMatching(reason) as string,
      }) as Error,
    );
  });

  it('checks stored numbers when asked to', async () => {
    await using directory = await temporaryDirectory();
    const path = directory.file('nan.gguf');
    const file = await readGguf(used.path);
    const tensors = file.tensors.map((tensor) => ({
      ...tensor,
      data: async () => {
        const bytes = await readTensor(used.path, tensor);
        if (tensor.name === 'output_norm.weight') bytes.writeFloatLE(NaN, 8);
        return bytes;
      },
    }));
    await writeGguf(path, { metadata: [...file.metadata], tensors });
    expect(() => LlamaModel.load(path, { checkTensors: true })).toThrow(/invalid data/);
  });

  it('survives files whose metadata was tampered with', async () => {
    await using directory = await temporaryDirectory();
    await writeTinyModel(directory.file('small.gguf'), { dim: 16, heads: 2, kvHeads: 1, ff: 32, layers: 1 });
    const result = runChild(new URL('./load-mutants.ts', import.meta.url), directory.file('small.gguf'), '250');
    expect(result).toMatchObject({ status: 0, signal: null });
    const counts = JSON.parse(result.stdout) as { refused: number; ran: number };
    expect(counts.refused).toBeGreaterThan(50);
    expect(counts.ran).toBeGreaterThan(10);
  });
});

/** Writes the tiny model to `path` with its metadata changed, and without one tensor if named. */
async function changed(
  path: string,
  change: (metadata: Map<string, GgufValue>) => unknown,
  without?: string,
): Promise<void> {
  const file = await readGguf(used.path);
  change(file.metadata);
  const tensors = file.tensors
    .filter(({ name }) => name !== without)
    .map((tensor) => ({ ...tensor, data: () => readTensor(used.path, tensor) }));
  await writeGguf(path, { metadata: [...file.metadata], tensors });
}
