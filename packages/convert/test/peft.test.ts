import { readdir, readFile, writeFile } from 'node:fs/promises';
import { loadNative } from '@atelier/llama';
import { dequantise } from '@atelier/llama/gguf';
import { describe, expect, it } from 'vitest';
import { convertModel } from '../src/convert-model.ts';
import { exportAdapter } from '../src/peft/export-adapter.ts';
import { importAdapter } from '../src/peft/import-adapter.ts';
import { readSafetensors } from '../src/safetensors/read.ts';
import { writeSafetensors } from '../src/safetensors/write.ts';
import { difference, outputs } from './model-outputs.ts';
import { temporaryDirectory } from './temporary-directory.ts';
import { type TinyAdapterOptions, writeAdapterFor } from './tiny-adapter.ts';
import { type TinyFamily, type TinyFolder, tinyFolders, writeTinyFolder } from './tiny-folder.ts';

loadNative({ gpu: 'off' });
type Directory = Awaited<ReturnType<typeof temporaryDirectory>>;

/** A base model, its folder's weights and an adapter exported to `peft`. */
async function exported(
  directory: Directory,
  family: TinyFamily,
  options: TinyAdapterOptions & { rankStabilised?: boolean } = {},
) {
  const [folder, base, adapter, peft] = ['folder', 'base.gguf', 'adapter.gguf', 'peft'].map(directory.path) as [
    string,
    string,
    string,
    string,
  ];
  const weights = await writeTinyFolder(folder, tinyFolders[family]);
  await convertModel(folder, base);
  await writeAdapterFor(base, adapter, options);
  await exportAdapter(adapter, base, peft, { baseName: 'org/base', rankStabilised: options.rankStabilised });
  const config = JSON.parse(await readFile(`${peft}/adapter_config.json`, 'utf8')) as Record<string, unknown>;
  return { folder, base, adapter, peft, weights, config };
}

/** The numbers of a PEFT folder by name, with their shapes. */
async function readPeft(peft: string): Promise<Map<string, { shape: number[]; values: Float32Array }>> {
  const file = `${peft}/adapter_model.safetensors`;
  const content = await readFile(file);
  const { tensors } = await readSafetensors(file);
  return new Map(
    tensors.map(({ name, dtype, shape, offset, byteLength }) => [
      name,
      { shape, values: dequantise(dtype as 'F32', content.subarray(offset, offset + byteLength)) },
    ]),
  );
}

describe.each(Object.keys(tinyFolders) as TinyFamily[])('%s', (family) => {
  it('comes back from PEFT as it went, and means the same to the class it is for', async () => {
    await using directory = await temporaryDirectory();
    const { folder, base, adapter, peft, weights, config } = await exported(directory, family);
    const back = directory.path('back.gguf');
    await importAdapter(peft, base, back);
    expect((await readFile(back)).equals(await readFile(adapter))).toBe(true);

    // What PEFT does on merging: W + scale·B·A, turned for classes that store inputs by outputs.
    const [scale, turned] = [(config.lora_alpha as number) / (config.r as number), config.fan_in_fan_out === true];
    const adapted = await readPeft(peft);
    const tensors = await Promise.all(
      tinyFolders[family].tensors.map(async ([name, shape]) => {
        const values = dequantise('F32', weights.get(name)!);
        const at = `base_model.model.${name.replace(/\.weight$/, '')}`;
        const [a, b] = [adapted.get(`${at}.lora_A.weight`), adapted.get(`${at}.lora_B.weight`)];
        if (a && b) {
          const [rank = 0, inputs = 0] = a.shape;
          const [outputs = 0] = b.shape;
          expect(shape).toEqual(turned ? [inputs, outputs] : [outputs, inputs]);
          for (let row = 0; row < outputs; row++)
            for (let column = 0; column < inputs; column++) {
              let sum = 0;
              for (let k = 0; k < rank; k++) sum += b.values[row * rank + k]! * a.values[k * inputs + column]!;
              values[turned ? column * outputs + row : row * inputs + column]! += scale * sum;
            }
          adapted.delete(`${at}.lora_A.weight`);
          adapted.delete(`${at}.lora_B.weight`);
        }
        return { name, dtype: 'F32' as const, shape, data: () => new Uint8Array(values.buffer) };
      }),
    );
    expect([...adapted.keys()]).toEqual([]);
    for (const name of await readdir(folder))
      if (name.endsWith('.index.json'))
        await writeFile(
          `${folder}/${name}`,
          JSON.stringify({ weight_map: Object.fromEntries(tensors.map((tensor) => [tensor.name, 'all.safetensors'])) }),
        );
    const single = (tinyFolders[family] as TinyFolder).shards === undefined;
    await writeSafetensors(`${folder}/${single ? 'model' : 'all'}.safetensors`, tensors);
    const merged = directory.path('merged.gguf');
    await convertModel(folder, merged);
    expect(difference(outputs(merged, [5, 6, 7]), outputs(base, [5, 6, 7], adapter))).toBeLessThan(1e-4);
  });
});

it('says what PEFT needs to know', async () => {
  await using directory = await temporaryDirectory();
  const { config } = await exported(directory, 'llama2', {
    match: /^blk\.\d+\.attn_[qv]\.weight$|^blk\.1\.ffn_up\.weight$/,
  });
  expect(config).toMatchObject({
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    base_model_name_or_path: 'org/base',
    r: 4,
    lora_alpha: 8,
    use_rslora: false,
    fan_in_fan_out: false,
    bias: 'none',
    rank_pattern: {},
  });
  expect((config.target_modules as string[]).toSorted()).toEqual(['model.layers.1.mlp.up_proj', 'q_proj', 'v_proj']);
});

it('holds ranks that differ, 16-bit numbers, embeddings and heads', async () => {
  await using directory = await temporaryDirectory();
  const { base, adapter, peft, config } = await exported(directory, 'qwen2', {
    rank: (index) => (index === 0 ? 8 : 4),
    match: /^(token_embd|output|blk\.0\.attn_k)\.weight$/,
    type: 'BF16',
  });
  expect(config).toMatchObject({ r: 8, rank_pattern: { 'model.layers.0.self_attn.k_proj': 4, lm_head: 4 } });
  const back = directory.path('back.gguf');
  await importAdapter(peft, base, back);
  expect((await readFile(back)).equals(await readFile(adapter))).toBe(true);
  const names = (await readSafetensors(`${peft}/adapter_model.safetensors`)).tensors.map(({ name, shape }) => [
    name,
    shape,
  ]);
  expect(names).toContainEqual(['base_model.model.model.embed_tokens.lora_embedding_A', [8, 280]]);
  expect(names).toContainEqual(['base_model.model.model.embed_tokens.lora_embedding_B', [64, 8]]);
});

it('states and reads the scale of rsLoRA', async () => {
  await using directory = await temporaryDirectory();
  const { base, adapter, peft, config } = await exported(directory, 'qwen3', {
    rank: () => 4,
    alpha: 6,
    rankStabilised: true,
  });
  expect(config).toMatchObject({ use_rslora: true, lora_alpha: 3, r: 4 });
  const back = directory.path('back.gguf');
  await importAdapter(peft, base, back);
  expect((await readFile(back)).equals(await readFile(adapter))).toBe(true);
});

it('writes the scale of one that a missing alpha stands for', async () => {
  await using directory = await temporaryDirectory();
  const { base, adapter, peft, config } = await exported(directory, 'qwen3', { alpha: 0 });
  expect(config).toMatchObject({ lora_alpha: 4, r: 4 });
  const back = directory.path('back.gguf');
  await importAdapter(peft, base, back);
  expect(outputs(base, [5, 6], back)).toEqual(outputs(base, [5, 6], adapter));
});

it.each<[string, Record<string, unknown>, string]>([
  ['DoRA', { use_dora: true }, 'use_dora'],
  ['trained biases', { bias: 'all' }, 'bias'],
  ['saved modules', { modules_to_save: ['lm_head'] }, 'modules_to_save'],
  ['another method', { peft_type: 'IA3' }, 'peft_type'],
  ['alphas that differ', { alpha_pattern: { 'model.layers.0.self_attn.q_proj': 3 } }, 'one alpha, cannot hold'],
  ['ranks that are not there', { rank_pattern: { q_proj: 7 } }, 'says rank 7'],
  ['expressions', { rank_pattern: { '.*q_proj': 7 } }, 'is an expression'],
  ['no scale', { lora_alpha: 0 }, 'lora_alpha is 0'],
])('refuses %s', async (_, changes, reason) => {
  await using directory = await temporaryDirectory();
  const { base, peft, config } = await exported(directory, 'llama2');
  await writeFile(`${peft}/adapter_config.json`, JSON.stringify({ ...config, ...changes }));
  await expect(importAdapter(peft, base, directory.path('back.gguf'))).rejects.toThrow(reason);
  await expect(importAdapter(peft, base, directory.path('back.gguf'))).rejects.toMatchObject({
    code: 'invalid_model_file',
  });
});

it('refuses tensors of other models', async () => {
  await using directory = await temporaryDirectory();
  const { base, peft } = await exported(directory, 'llama2');
  const rewrite = async (names: string[], shape: number[]): Promise<void> => {
    const data = (): Uint8Array => new Uint8Array(4 * shape.reduce((a, b) => a * b, 1));
    await writeSafetensors(
      `${peft}/adapter_model.safetensors`,
      names.map((name) => ({ name, dtype: 'F32', shape, data })),
    );
  };
  const [back, at] = [directory.path('back.gguf'), 'base_model.model.model.layers.0.self_attn.q_proj'];
  await rewrite([`${at}.lora_A.weight`], [4, 64]);
  await expect(importAdapter(peft, base, back)).rejects.toThrow('has no B');
  await rewrite([`${at}.lora_A.weight`, `${at}.lora_B.weight`], [4, 64]);
  await expect(importAdapter(peft, base, back)).rejects.toThrow('the model wants [rank, 64] and [64, rank]');
  await rewrite(['base_model.model.model.layers.7.self_attn.q_proj.lora_A.weight'], [4, 64]);
  await expect(importAdapter(peft, base, back)).rejects.toThrow('belongs to no module');
  await rewrite(['base_model.model.model.norm.weight'], [64]);
  await expect(importAdapter(peft, base, back)).rejects.toThrow('belongs to no module');
});
