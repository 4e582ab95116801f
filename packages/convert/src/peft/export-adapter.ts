/** A GGUF adapter as the folder that PEFT loads: adapter_config.json and adapter_model.safetensors. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { AtelierError } from '@atelier/errors';
import { dequantise, encodeTensor, type GgufTensor, MetadataReader, readGguf, readTensor } from '@atelier/llama/gguf';
import { type AdapterFile, type AdapterPair, isEmbedding, readAdapter } from '../adapter/read-adapter.ts';
import { readFloats } from '../adapter/read-floats.ts';
import { reorderRows } from '../gguf/interleave.ts';
import { invalidFile } from '../invalid-file.ts';
import type { Report } from '../progress.ts';
import { type Dtype, isFloatType } from '../safetensors/dtypes.ts';
import { type SafeTensorSource, writeSafetensors } from '../safetensors/write.ts';
import { writeWhole } from '../write-whole.ts';
import { type Module, type Modules, modulesOf } from './modules.ts';

export interface ExportOptions {
  /** `base_model_name_or_path`, by which PEFT finds the model; the base file's own name by default. */
  baseName?: string | undefined;
  /** States the scale as rsLoRA does, alpha by the root of the rank; the adapter is the same. */
  rankStabilised?: boolean | undefined;
  report?: Report | undefined;
  signal?: AbortSignal | undefined;
}

type Matched = AdapterPair & { module: Module };

export async function exportAdapter(
  adapterPath: string,
  basePath: string,
  directory: string,
  options: ExportOptions = {},
): Promise<void> {
  const base = await readGguf(basePath);
  const adapter = await readAdapter(adapterPath, basePath, base);
  const modules = modulesOf(basePath, base);
  const pairs = adapter.pairs.map((pair): Matched => {
    const module = modules.byTensor.get(pair.name);
    if (!module)
      throw invalidFile(adapterPath, `tensor ${pair.name} is not the weight of a module of Hugging Face's class`);
    return { ...pair, module };
  });
  const name = options.baseName ?? new MetadataReader(base.metadata, basePath).string('general.name') ?? null;
  const config = configOf(adapter, pairs, modules, name, options.rankStabilised ?? false);
  const sources = pairs.flatMap((pair, done) => {
    const report = (): void => options.report?.({ tensor: pair.name, done, total: pairs.length });
    return sourcesOf(adapterPath, pair, report);
  });
  await mkdir(directory, { recursive: true });
  await writeSafetensors(path.join(directory, 'adapter_model.safetensors'), sources, undefined, options.signal);
  // Last, so that a folder with it is whole.
  const json = Buffer.from(`${JSON.stringify(config, null, 2)}\n`);
  await writeWhole(path.join(directory, 'adapter_config.json'), (write) => write(json));
}

function sourcesOf(file: string, pair: Matched, report: () => void): SafeTensorSource[] {
  const { module, a, b, rank } = pair;
  const at = `base_model.model.${module.name}`;
  const side = (
    tensor: GgufTensor,
    name: string,
    shape: number[],
    change: (bytes: Uint8Array) => Uint8Array,
  ): SafeTensorSource => {
    const dtype: Dtype = isPlainFloat(tensor) ? (tensor.type as Dtype) : 'F32';
    const data = async (): Promise<Uint8Array> => {
      report();
      if (isPlainFloat(tensor)) return change(await readTensor(file, tensor));
      return change(encodeTensor('F32', await readFloats(file, tensor)));
    };
    return { name: `${at}.${name}`, dtype, shape, data };
  };
  if (isEmbedding(pair.name)) {
    // PEFT keeps A of an embedding with the vocabulary as its columns.
    const turn = (bytes: Uint8Array): Uint8Array => {
      const type = isPlainFloat(a) ? (a.type as 'F32' | 'F16' | 'BF16') : 'F32';
      return encodeTensor(type, transposed(dequantise(type, bytes), module.outputs, rank));
    };
    return [
      side(a, 'lora_embedding_A', [rank, module.outputs], turn),
      side(b, 'lora_embedding_B', [module.inputs, rank], (bytes) => bytes),
    ];
  }
  return [
    side(a, 'lora_A.weight', [rank, module.inputs], (bytes) => bytes),
    side(b, 'lora_B.weight', [module.outputs, rank], (bytes) =>
      reorderRows(bytes, module.outputs, module.headSize, 'huggingface'),
    ),
  ];
}

function isPlainFloat({ type }: GgufTensor): boolean {
  return isFloatType(type as Dtype);
}

/** A rows by columns matrix, turned. */
export function transposed(values: Float32Array, rows: number, columns: number): Float32Array {
  return Float32Array.from(
    { length: values.length },
    (_, index) => values[(index % rows) * columns + Math.floor(index / rows)] ?? 0,
  );
}

function configOf(
  adapter: AdapterFile,
  pairs: readonly Matched[],
  modules: Modules,
  baseName: string | null,
  rankStabilised: boolean,
): Record<string, unknown> {
  const rank = pairs[0]?.rank ?? 1;
  const others = pairs.filter((pair) => pair.rank !== rank);
  if (rankStabilised && others.length > 0)
    throw new AtelierError('invalid_request', {
      reason: 'Ranks differ between tensors, which one rsLoRA alpha cannot hold',
    });
  // Without an alpha the scale is one, whatever the rank.
  const alpha = adapter.alpha === 0 ? rank : adapter.alpha;
  const pattern = (list: readonly Matched[]): Record<string, number> =>
    Object.fromEntries(list.map((pair) => [pair.module.name, pair.rank]));
  return {
    peft_type: 'LORA',
    task_type: modules.family.tokenizer === 'encoder' ? 'FEATURE_EXTRACTION' : 'CAUSAL_LM',
    base_model_name_or_path: baseName,
    r: rank,
    lora_alpha: rankStabilised ? alpha / Math.sqrt(rank) : alpha,
    use_rslora: rankStabilised,
    use_dora: false,
    lora_dropout: 0,
    bias: 'none',
    fan_in_fan_out: modules.turned,
    target_modules: targetsOf(pairs, modules),
    rank_pattern: pattern(others),
    alpha_pattern: adapter.alpha === 0 ? pattern(others) : {},
    modules_to_save: null,
    init_lora_weights: true,
    inference_mode: true,
  };
}

/** Last parts of names where all modules that have it are adapted, whole names for the others. */
function targetsOf(pairs: readonly Matched[], { byTensor, family }: Modules): string[] {
  const last = (name: string): string => name.slice(name.lastIndexOf('.') + 1);
  const adapted = new Set(pairs.map(({ module }) => module.name));
  const missed = new Set([...byTensor.values()].filter(({ name }) => !adapted.has(name)).map(({ name }) => last(name)));
  // Encoders have more modules of the same ends than their GGUF files have tensors.
  const whole = family.tokenizer === 'encoder';
  return [...new Set([...adapted].map((name) => (whole || missed.has(last(name)) ? name : last(name))))];
}
