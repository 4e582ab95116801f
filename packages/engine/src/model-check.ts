import path from 'node:path';
import { AtelierError } from '@atelier/errors';
import { MetadataReader, readGguf, type GgufFile } from '@atelier/llama/gguf';

/** What the engine needs to know of a base model's file before native code sees it. */
export type ModelFile = {
  architecture: string;
  fileBytes: number;
  /** Tokens of context that the model was made for. */
  contextTokens: number;
  /** Keys and values of one token, all layers together. */
  cacheBytesPerToken: number;
  /** Numbers in a hidden state. */
  width: number;
  /** Whether it has a head of its own that scores a query and a document. */
  ranks: boolean;
  /** Where it brings one. */
  chatTemplate: string | undefined;
  /** Shapes in ggml order by tensor name. */
  tensors: ReadonlyMap<string, readonly number[]>;
};

/** Keys and values are kept as 16-bit floats. */
const cacheElementBytes = 2;

/** LLAMA_POOLING_TYPE_RANK in llama.h. */
const rankPooling = 4;

const largest = 2 ** 31 - 1;

/** Reads the header of a base model strictly. Throws `invalid_model_file`. */
export async function checkModel(file: string): Promise<ModelFile> {
  const gguf = await readChecked(file);
  const name = path.basename(file);
  const metadata = new MetadataReader(gguf.metadata, name);
  const refuse = (reason: string): never => {
    throw new AtelierError('invalid_model_file', { file: name, reason });
  };
  const type = metadata.string('general.type') ?? 'model';
  if (type !== 'model') refuse(`it is of type ${JSON.stringify(type.slice(0, 40))}, not a model`);
  if (gguf.tensors.length === 0) refuse('it has no tensors');
  const architecture = metadata.requireString('general.architecture');
  const count = (key: string, value = metadata.requireNumber(`${architecture}.${key}`)): number =>
    Number.isInteger(value) && value >= 1 && value <= largest ? value : refuse(`${architecture}.${key} is ${value}`);

  const layers = count('block_count');
  const heads = Math.max(...perLayer(metadata, gguf, `${architecture}.attention.head_count`, [1]));
  const headSize = count('embedding_length') / heads;
  const keySize = count(
    'attention.key_length',
    metadata.number(`${architecture}.attention.key_length`) ?? Math.ceil(headSize),
  );
  const valueSize = count(
    'attention.value_length',
    metadata.number(`${architecture}.attention.value_length`) ?? keySize,
  );
  const keyValueHeads = perLayer(metadata, gguf, `${architecture}.attention.head_count_kv`, [heads]);
  const headsOfAllLayers = (layers * keyValueHeads.reduce((sum, each) => sum + each, 0)) / keyValueHeads.length;

  return {
    architecture,
    fileBytes: gguf.fileSize,
    contextTokens: count('context_length'),
    cacheBytesPerToken: Math.max(1, headsOfAllLayers * (keySize + valueSize) * cacheElementBytes),
    width: count('embedding_length'),
    ranks:
      metadata.number(`${architecture}.pooling_type`) === rankPooling &&
      gguf.tensors.some(({ name: tensor }) => tensor === 'cls.output.weight' || tensor === 'cls.weight'),
    chatTemplate: metadata.string('tokenizer.chat_template'),
    tensors: new Map(gguf.tensors.map(({ name: tensor, shape }) => [tensor, shape])),
  };
}

/** `readGguf`, with a file that cannot be read being one that cannot be used. */
export async function readChecked(file: string): Promise<GgufFile> {
  try {
    return await readGguf(file);
  } catch (error) {
    const code =
      (error as NodeJS.ErrnoException).syscall === undefined ? undefined : (error as NodeJS.ErrnoException).code;
    if (code === undefined) throw error;
    throw new AtelierError(
      'invalid_model_file',
      { file: path.basename(file), reason: `it cannot be read (${code})` },
      error,
    );
  }
}

/** Models state such a number once, or once for each layer. */
function perLayer(metadata: MetadataReader, gguf: GgufFile, key: string, otherwise: number[]): readonly number[] {
  const entry = gguf.metadata.get(key);
  if (!entry) return otherwise;
  const values = entry.type === 'ARRAY' ? metadata.numbers(key)! : [metadata.requireNumber(key)];
  return values.length > 0 && values.every((value) => Number.isInteger(value) && value >= 0 && value <= largest)
    ? values
    : otherwise;
}
