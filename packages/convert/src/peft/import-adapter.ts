/** A PEFT folder as GGUF adapter for llama.cpp and everything here. */
import path from 'node:path';
import {
  encodeTensor,
  dequantise,
  type FloatType,
  type GgufTensorSource,
  readGguf,
  writeGguf,
} from '@atelier/llama/gguf';
import { open } from 'node:fs/promises';
import { isEmbedding } from '../adapter/read-adapter.ts';
import { reorderRows } from '../gguf/interleave.ts';
import { invalidFile, quote } from '../invalid-file.ts';
import { counted, type Report } from '../progress.ts';
import { readJson } from '../read-json.ts';
import { isFloatType } from '../safetensors/dtypes.ts';
import type { SafeTensor } from '../safetensors/header.ts';
import { readAt, readSafetensors } from '../safetensors/read.ts';
import { type AdapterConfig, adapterConfigSchema, isPlainName, patternValue } from './adapter-config.ts';
import { transposed } from './export-adapter.ts';
import { type Module, type Modules, modulesOf } from './modules.ts';

interface Sides {
  module: Module;
  a?: SafeTensor;
  b?: SafeTensor;
}

/**
 * Writes the GGUF adapter `to`. Throws `invalid_model_file`, naming the field or tensor, for adapters of other kinds,
 * for other models, and for scales that one alpha cannot hold.
 */
export async function importAdapter(
  directory: string,
  basePath: string,
  to: string,
  options: { report?: Report | undefined; signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const configFile = path.join(directory, 'adapter_config.json');
  const file = path.join(directory, 'adapter_model.safetensors');
  const config = await readJson(configFile, adapterConfigSchema);
  for (const key of [...Object.keys(config.rank_pattern), ...Object.keys(config.alpha_pattern)])
    if (!isPlainName(key))
      throw invalidFile(configFile, `the pattern ${quote(key)} is an expression; only names are supported`);
  const modules = modulesOf(basePath, await readGguf(basePath));
  const pairs = pairsOf(file, (await readSafetensors(file)).tensors, modules);
  const alpha = alphaOf(configFile, config, pairs);
  const tensors = pairs.flatMap((pair) => tensorsOf(file, pair));
  await writeGguf(
    to,
    {
      metadata: [
        ['general.architecture', { type: 'STRING', value: modules.architecture }],
        ['general.type', { type: 'STRING', value: 'adapter' }],
        ['adapter.type', { type: 'STRING', value: 'lora' }],
        ['adapter.lora.alpha', { type: 'FLOAT32', value: alpha }],
      ],
      tensors: counted(tensors, options.report),
    },
    options.signal,
  );
}

function pairsOf(file: string, tensors: readonly SafeTensor[], modules: Modules): Required<Sides>[] {
  const sides = new Map<string, Sides>();
  for (const tensor of tensors) {
    // Older versions write the adapter's name as well.
    const found = /^base_model\.model\.(.+)\.lora_(embedding_)?([AB])(\.default)?(\.weight)?$/.exec(tensor.name);
    const module = found && modules.byName.get(modules.family.normalise(found[1] ?? ''));
    if (!found || !module || isEmbedding(module.tensor) !== (found[2] !== undefined))
      throw invalidFile(
        file,
        `tensor ${quote(tensor.name)} belongs to no module of the base model that an adapter can change`,
      );
    if (!isFloatType(tensor.dtype))
      throw invalidFile(file, `tensor ${tensor.name} is of type ${tensor.dtype}; supported: F32, F16, BF16`);
    const pair = sides.get(module.tensor) ?? { module };
    const side = found[3] === 'A' ? 'a' : 'b';
    if (pair[side]) throw invalidFile(file, `tensor ${quote(tensor.name)} is there under two names`);
    pair[side] = tensor;
    sides.set(module.tensor, pair);
  }
  if (sides.size === 0) throw invalidFile(file, 'it has no tensors');
  return [...sides.values()].map((pair) => checkPair(file, pair));
}

function checkPair(file: string, { module, a, b }: Sides): Required<Sides> {
  if (!a || !b) throw invalidFile(file, `module ${module.name} has ${a ? 'no B' : 'no A'}`);
  const rank = a.shape[0] ?? 0;
  // Of an embedding the inputs are the tokens, which the GGUF tensor has as rows.
  const [inputs, outputs] = isEmbedding(module.tensor)
    ? [module.outputs, module.inputs]
    : [module.inputs, module.outputs];
  if (rank < 1 || a.shape.join() !== [rank, inputs].join() || b.shape.join() !== [outputs, rank].join()) {
    const found = `A [${a.shape.join(', ')}] and B [${b.shape.join(', ')}]`;
    throw invalidFile(
      file,
      `module ${module.name} has ${found}, the model wants [rank, ${inputs}] and [${outputs}, rank]`,
    );
  }
  return { module, a, b };
}

/** The one alpha by which a GGUF adapter scales every pair: alpha by the pair's rank. */
function alphaOf(file: string, config: AdapterConfig, pairs: readonly Required<Sides>[]): number {
  const alphas = pairs.map(({ module, a }) => {
    const rank = a.shape[0] ?? 1;
    const said = patternValue(config.rank_pattern, module.name) ?? config.r;
    if (said !== rank)
      throw invalidFile(file, `it says rank ${said} for ${module.name}, whose tensors have rank ${rank}`);
    const alpha = patternValue(config.alpha_pattern, module.name) ?? config.lora_alpha;
    return Math.fround(config.use_rslora ? alpha * Math.sqrt(rank) : alpha);
  });
  const [first = 0] = alphas;
  const other = alphas.findIndex((alpha) => alpha !== first);
  if (other !== -1)
    throw invalidFile(
      file,
      `the scales of ${pairs[0]?.module.name} and ${pairs[other]?.module.name} differ in a way that a GGUF adapter, with one alpha, cannot hold`,
    );
  // Zero would stand for a scale of one.
  if (!Number.isFinite(first) || first === 0) throw invalidFile(file, `lora_alpha is ${first}`);
  return first;
}

function tensorsOf(file: string, { module, a, b }: Required<Sides>): GgufTensorSource[] {
  const rank = a.shape[0] ?? 1;
  const read = async ({ offset, byteLength }: SafeTensor): Promise<Uint8Array> => {
    await using handle = await open(file, 'r');
    return await readAt(file, handle, offset, byteLength);
  };
  const embedding = isEmbedding(module.tensor);
  const first: GgufTensorSource = {
    name: `${module.tensor}.lora_a`,
    shape: embedding ? [rank, module.outputs] : [module.inputs, rank],
    type: a.dtype as FloatType,
    data: async () => {
      const bytes = await read(a);
      if (!embedding) return bytes;
      const type = a.dtype as FloatType;
      return encodeTensor(type, transposed(dequantise(type, bytes), rank, module.outputs));
    },
  };
  const second: GgufTensorSource = {
    name: `${module.tensor}.lora_b`,
    shape: embedding ? [rank, module.inputs] : [rank, module.outputs],
    type: b.dtype as FloatType,
    data: async () => reorderRows(await read(b), module.outputs, embedding ? undefined : module.headSize, 'gguf'),
  };
  return [first, second];
}
