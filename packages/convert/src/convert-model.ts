/** A Hugging Face folder to a GGUF file: configuration, tokenizer and every tensor, checked before anything is written. */
import path from 'node:path';
import { z } from 'zod';
import { encodeTensor, type GgufTensorSource, writeGguf } from '@atelier/llama/gguf';
import type { Family, Metadata, MadeTensor, TensorRule } from './families/family.ts';
import { familyOfClass } from './families/families.ts';
import { convertTensor, ggmlShape } from './gguf/convert-tensor.ts';
import { modelTypes, type ModelTypeName, storedType } from './gguf/model-types.ts';
import { invalidFile, quote } from './invalid-file.ts';
import { counted, type Report } from './progress.ts';
import { readJson } from './read-json.ts';
import { isFloatType } from './safetensors/dtypes.ts';
import { readTensorFolder, type StoredTensor } from './safetensors/folder.ts';
import { readTokenizerFiles } from './tokenizer/tokenizer-files.ts';
import { tokenizerMetadata } from './tokenizer/vocabulary.ts';
import { poolingMetadata } from './pooling.ts';

const classSchema = z.looseObject({
  architectures: z.array(z.string()).min(1),
  quantization_config: z.unknown().optional(),
});

export interface ConvertOptions {
  /** By default the type that the folder stores its matrices as: nothing is lost. */
  type?: ModelTypeName | undefined;
  report?: Report | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Writes the GGUF file `to`; what was there is replaced when the new one is whole. Throws `unsupported_model` or
 * `invalid_model_file`, naming the file and the tensor or field, for folders that cannot be converted exactly.
 */
export async function convertModel(directory: string, to: string, options: ConvertOptions = {}): Promise<void> {
  const configFile = path.join(directory, 'config.json');
  const config = await readJson(configFile, classSchema);
  const family = familyOfClass(path.basename(directory), config.architectures[0] ?? '');
  if (config.quantization_config != null)
    throw invalidFile(configFile, 'quantization_config: folders with quantised weights are not supported');
  const { shape, metadata, made } = family.configure(config, configFile);
  const files = await readTokenizerFiles(directory);
  const stored = await readTensorFolder(directory);
  const rules = family.tensors(shape);
  const pairs = match(family, rules, stored, directory);
  const type = options.type ?? storedAs(pairs);
  const typeOf = (rule: TensorRule) => storedType(type, rule.name, ggmlShape(rule), shape.layers, shape.tied);
  const tensors = [
    ...pairs.map(([rule, source]) => convertTensor(rule, source, typeOf(rule))),
    ...made.map(madeSource),
  ];
  const general: Metadata = [
    ['general.architecture', { type: 'STRING', value: family.architecture }],
    ['general.type', { type: 'STRING', value: 'model' }],
    ['general.name', { type: 'STRING', value: path.basename(path.resolve(directory)) }],
    ['general.file_type', { type: 'UINT32', value: modelTypes[type].fileType }],
    ['general.quantization_version', { type: 'UINT32', value: 2 }],
  ];
  const tokenizer = tokenizerMetadata(files, shape.vocabulary, family.tokenizer);
  const content = {
    metadata: [...general, ...metadata, ...(await poolingMetadata(directory, family.architecture)), ...tokenizer],
    tensors: counted(tensors, options.report),
  };
  await writeGguf(to, content, options.signal);
}

/** Each rule with the tensor it takes. Throws when one is missing, or one of the folder is left over. */
function match(
  family: Family,
  rules: readonly TensorRule[],
  stored: ReadonlyMap<string, StoredTensor>,
  directory: string,
): [TensorRule, StoredTensor][] {
  const byName = new Map<string, StoredTensor>();
  for (const tensor of stored.values()) {
    const name = family.normalise(tensor.name);
    if (byName.has(name)) throw invalidFile(tensor.path, `tensor ${quote(tensor.name)} is there under two names`);
    byName.set(name, tensor);
  }
  const pairs = rules.map((rule): [TensorRule, StoredTensor] => {
    const tensor = byName.get(rule.source);
    if (!tensor) throw invalidFile(directory, `tensor ${rule.source} is missing`);
    byName.delete(rule.source);
    return [rule, tensor];
  });
  const tied = !rules.some(({ name }) => name === 'output.weight');
  for (const [name, tensor] of byName) {
    // A head that config.json ties to the embedding is written by some all the same.
    if (family.ignored.test(name) || (tied && name === 'lm_head.weight')) continue;
    throw invalidFile(
      tensor.path,
      `tensor ${quote(tensor.name)} is not part of a ${family.architecture} model of this configuration`,
    );
  }
  return pairs;
}

function storedAs(pairs: readonly [TensorRule, StoredTensor][]): ModelTypeName {
  const dtype = pairs.find(([{ shape }]) => shape.length === 2)?.[1].dtype;
  return dtype && isFloatType(dtype) ? dtype : 'F32';
}

function madeSource({ name, values }: MadeTensor): GgufTensorSource {
  return { name, shape: [values.length], type: 'F32', data: () => encodeTensor('F32', values) };
}
