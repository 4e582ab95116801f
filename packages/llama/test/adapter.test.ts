import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { readGguf, readTensor, writeGguf } from '../src/gguf/index.ts';
import { Adapter, Batch, LlamaContext, LlamaModel } from '../src/index.ts';
import { writeTinyAdapter } from '../src/testing/index.ts';
import { temporaryDirectory } from './temporary-directory.ts';
import { useTinyModel } from './tiny-model-file.ts';

const used = useTinyModel();

function logitsOf(context: LlamaContext): Float32Array {
  const batch = new Batch(used.model.native, 2);
  batch.add(1, 0, 0, false);
  batch.add(2, 1, 0, true);
  context.memory.clear();
  context.decode(batch);
  return context.logits().slice();
}

describe('Adapter', () => {
  it('changes a context while set, by its scale, and leaves no trace after', async () => {
    await using directory = await temporaryDirectory();
    await writeTinyAdapter(directory.file('a.gguf'));
    using adapter = Adapter.load(used.model, directory.file('a.gguf'));
    using context = new LlamaContext(used.model, { nCtx: 32, nThreads: 1 });
    const plain = logitsOf(context);
    context.setAdapters([{ adapter }]);
    const full = logitsOf(context);
    expect(full).not.toEqual(plain);
    context.setAdapters([{ adapter, scale: 0.5 }]);
    expect(logitsOf(context)).not.toEqual(full);
    context.setAdapters([{ adapter, scale: 0 }]);
    expect(Math.max(...logitsOf(context).map((value, index) => Math.abs(value - plain[index]!)))).toBeLessThan(1e-4);
    context.setAdapters([]);
    expect(logitsOf(context)).toEqual(plain);
  });

  it('cannot be disposed while a context has it set, nor the model before it', async () => {
    await using directory = await temporaryDirectory();
    await writeTinyAdapter(directory.file('a.gguf'));
    using model = LlamaModel.load(used.path);
    const adapter = Adapter.load(model, directory.file('a.gguf'));
    const context = new LlamaContext(model, { nCtx: 32 });
    context.setAdapters([{ adapter }]);
    expect(() => adapter[Symbol.dispose]()).toThrow(/in use \(1 context\)/);
    expect(() => model[Symbol.dispose]()).toThrow(/in use/);
    context.setAdapters([{ adapter, scale: 2 }]);
    expect(() => adapter[Symbol.dispose]()).toThrow(/in use \(1 context\)/);
    context[Symbol.dispose]();
    adapter[Symbol.dispose]();
    adapter[Symbol.dispose]();
    using other = new LlamaContext(model, { nCtx: 32 });
    expect(() => other.setAdapters([{ adapter }])).toThrow(/used after it was disposed/);
  });

  it('is refused by contexts of another model', async () => {
    await using directory = await temporaryDirectory();
    await writeTinyAdapter(directory.file('a.gguf'));
    using adapter = Adapter.load(used.model, directory.file('a.gguf'));
    using model = LlamaModel.load(used.path);
    using context = new LlamaContext(model, { nCtx: 32 });
    expect(() => context.setAdapters([{ adapter }])).toThrow(/loaded for another model/);
    using own = new LlamaContext(used.model, { nCtx: 32 });
    expect(() => own.setAdapters([{ adapter, scale: NaN }])).toThrow(/scale is NaN/);
  });

  it.each<[string, (path: string) => Promise<void>, RegExp]>([
    ['is missing', () => Promise.resolve(), /there is no such file/],
    ['is no GGUF file', (path) => writeFile(path, 'nothing'), /does not start with GGUF/],
    ['is a model', (path) => copyWith(used.path, path, {}), /is not a LoRA adapter/],
    ['is for another architecture', (path) => adapterWith(path, { architecture: 'qwen2' }), /architecture qwen2/],
    [
      'is for a model of another width',
      (path) => writeTinyAdapter(path, { dim: 32, heads: 2, kvHeads: 1 }),
      /not usable/,
    ],
    [
      'is for a model with more layers',
      (path) => writeTinyAdapter(path, { layers: 3 }),
      /blk\.2\.attn_q\.weight\.lora_a has no counterpart/,
    ],
    ['lacks half a pair', (path) => adapterWith(path, { without: 'blk.0.attn_q.weight.lora_b' }), /not usable/],
  ])('is not loaded from a file that %s', async (_, make, reason) => {
    await using directory = await temporaryDirectory();
    const path = directory.file('case.gguf');
    await make(path);
    expect(() => Adapter.load(used.model, path)).toThrow(
      expect.objectContaining({
        code: 'invalid_model_file',
        message: expect.stringMatching(reason) as string,
      }) as Error,
    );
  });
});

async function adapterWith(path: string, change: { architecture?: string; without?: string }): Promise<void> {
  await writeTinyAdapter(`${path}.whole`);
  await copyWith(`${path}.whole`, path, change);
}

async function copyWith(
  from: string,
  to: string,
  { architecture, without }: { architecture?: string; without?: string },
): Promise<void> {
  const file = await readGguf(from);
  if (architecture) file.metadata.set('general.architecture', { type: 'STRING', value: architecture });
  const tensors = file.tensors
    .filter(({ name }) => name !== without)
    .map((tensor) => ({ ...tensor, data: () => readTensor(from, tensor) }));
  await writeGguf(to, { metadata: [...file.metadata], tensors });
}
