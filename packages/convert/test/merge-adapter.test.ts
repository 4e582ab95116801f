import { readdir, readFile } from 'node:fs/promises';
import { loadNative } from '@atelier/llama';
import { readGguf, readTensor, writeGguf } from '@atelier/llama/gguf';
import { writeTinyModel } from '@atelier/llama/testing';
import { expect, it } from 'vitest';
import { convertModel } from '../src/convert-model.ts';
import { type ModelTypeName, modelTypeNames } from '../src/gguf/model-types.ts';
import { mergeAdapter } from '../src/merge/merge-adapter.ts';
import { difference, outputs } from './model-outputs.ts';
import { temporaryDirectory } from './temporary-directory.ts';
import { writeAdapterFor } from './tiny-adapter.ts';
import { type TinyFamily, tinyFolders, writeTinyFolder } from './tiny-folder.ts';

loadNative({ gpu: 'off' });
const tokens = [5, 6, 7, 8];

it.each(Object.keys(tinyFolders) as TinyFamily[])(
  'a merged %s answers as base and adapter together',
  async (family) => {
    await using directory = await temporaryDirectory();
    const [base, adapter, merged] = ['base.gguf', 'adapter.gguf', 'merged.gguf'].map(directory.path) as [
      string,
      string,
      string,
    ];
    await writeTinyFolder(directory.path('folder'), tinyFolders[family]);
    await convertModel(directory.path('folder'), base);
    await writeAdapterFor(base, adapter, { rank: (index) => 2 + (index % 3) });
    await mergeAdapter(base, adapter, merged);
    const together = outputs(base, tokens, adapter);
    expect(difference(outputs(merged, tokens), together)).toBeLessThan(1e-4);
    // An adapter that changes nothing would prove nothing.
    expect(difference(outputs(base, tokens), together)).toBeGreaterThan(0.02);
  },
);

/** Largest difference of the logits as a share of their spread. Random weights quantise worse than trained ones. */
const tolerances: Partial<Record<ModelTypeName, number>> = {
  F32: 1e-4,
  F16: 2e-3,
  BF16: 2e-2,
  Q8_0: 2e-2,
  Q6_K: 6e-2,
  Q5_K: 0.12,
  Q5_K_M: 0.12,
  Q5_0: 0.12,
  Q5_1: 0.12,
};

it.each(modelTypeNames)('merges into %s', async (type) => {
  await using directory = await temporaryDirectory();
  const [base, adapter, merged] = ['base.gguf', 'adapter.gguf', 'merged.gguf'].map(directory.path) as [
    string,
    string,
    string,
  ];
  await writeTinyModel(base, { dim: 256, ff: 256, layers: 3 });
  await writeAdapterFor(base, adapter);
  await mergeAdapter(base, adapter, merged, { type });
  expect(difference(outputs(merged, tokens), outputs(base, tokens, adapter))).toBeLessThan(tolerances[type] ?? 0.6);
  const { tensors } = await readGguf(merged);
  const types = Object.fromEntries(tensors.map((tensor) => [tensor.name, tensor.type]));
  const plain = type.replace('_M', '');
  expect(types['output_norm.weight']).toBe('F32');
  expect(types['blk.0.ffn_up.weight']).toBe(plain);
  expect(types['output.weight']).toBe(type.endsWith('_M') ? 'Q6_K' : plain);
});

it('keeps the types of a quantised base, and what is not adapted to the byte', async () => {
  await using directory = await temporaryDirectory();
  const [base, small, adapter, merged] = ['base.gguf', 'small.gguf', 'adapter.gguf', 'merged.gguf'].map(
    directory.path,
  ) as [string, string, string, string];
  await writeTinyModel(base, { dim: 256, ff: 256 });
  await writeAdapterFor(base, adapter, { match: /attn_[qv]\.weight$/ });
  await mergeAdapter(base, adapter, small, { type: 'Q4_K' });
  await mergeAdapter(small, adapter, merged);
  const [before, after] = [await readGguf(small), await readGguf(merged)];
  expect(after.tensors.map(({ name, type }) => [name, type])).toEqual(
    before.tensors.map(({ name, type }) => [name, type]),
  );
  expect([...after.metadata]).toEqual([...before.metadata]);
  for (const [index, tensor] of before.tensors.entries()) {
    const same = (await readTensor(small, tensor)).equals(await readTensor(merged, after.tensors[index]!));
    expect([tensor.name, same]).toEqual([tensor.name, !/attn_[qv]\.weight$/.test(tensor.name)]);
  }
});

it('falls back to finer types where rows are no whole blocks', async () => {
  await using directory = await temporaryDirectory();
  const [base, adapter, merged] = ['base.gguf', 'adapter.gguf', 'merged.gguf'].map(directory.path) as [
    string,
    string,
    string,
  ];
  await writeTinyModel(base);
  await writeAdapterFor(base, adapter);
  await mergeAdapter(base, adapter, merged, { type: 'Q4_K_M' });
  const types = new Set((await readGguf(merged)).tensors.map(({ type }) => type));
  expect(types).toEqual(new Set(['F32', 'Q5_0', 'Q8_0']));
});

it('adapts an embedding that is not the head', async () => {
  await using directory = await temporaryDirectory();
  const [base, adapter, merged] = ['base.gguf', 'adapter.gguf', 'merged.gguf'].map(directory.path) as [
    string,
    string,
    string,
  ];
  await writeTinyModel(base);
  await writeAdapterFor(base, adapter, { match: /^(token_embd|output)\.weight$/ });
  await mergeAdapter(base, adapter, merged);
  const together = outputs(base, tokens, adapter);
  expect(difference(outputs(merged, tokens), together)).toBeLessThan(1e-4);
  await writeTinyModel(base, { tied: true });
  await expect(mergeAdapter(base, adapter, merged)).rejects.toThrow('output.weight.lora_a" has no counterpart');
  await writeAdapterFor(base, adapter, { match: /^token_embd\.weight$/ });
  await expect(mergeAdapter(base, adapter, merged)).rejects.toThrow('which it does not change');
});

it('refuses what does not belong together, and leaves what was there', async () => {
  await using directory = await temporaryDirectory();
  const [base, adapter, merged] = ['base.gguf', 'adapter.gguf', 'merged.gguf'].map(directory.path) as [
    string,
    string,
    string,
  ];
  await writeTinyModel(base);
  await writeAdapterFor(base, adapter);
  await mergeAdapter(base, adapter, merged);
  const whole = await readFile(merged);
  await expect(mergeAdapter(base, base, merged)).rejects.toThrow('not a LoRA adapter');
  await expect(mergeAdapter(base, adapter, base)).rejects.toThrow('would replace what it is made from');
  await expect(mergeAdapter(base, adapter, adapter)).rejects.toThrow('would replace what it is made from');
  const content = await readGguf(adapter);
  const tensors = content.tensors.map((tensor) => ({ ...tensor, data: () => readTensor(adapter, tensor) }));
  const other = directory.path('other.gguf');
  await writeGguf(other, { metadata: [...content.metadata], tensors: tensors.slice(1) });
  await expect(mergeAdapter(base, other, merged)).rejects.toThrow('is not one of a pair');
  await writeTinyModel(other, { ff: 96 });
  await expect(mergeAdapter(other, adapter, merged)).rejects.toThrow('the model wants [4, 96]');
  const stop = new AbortController();
  const report = (): void => stop.abort();
  await expect(mergeAdapter(base, adapter, merged, { signal: stop.signal, report })).rejects.toThrow('abort');
  expect((await readFile(merged)).equals(whole)).toBe(true);
  expect((await readdir(directory.path('.'))).toSorted()).toEqual([
    'adapter.gguf',
    'base.gguf',
    'merged.gguf',
    'other.gguf',
  ]);
});
