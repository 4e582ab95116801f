import path from 'node:path';
import { AtelierError } from '@atelier/errors';
import { MetadataReader } from '@atelier/llama/gguf';
import { readChecked, type ModelFile } from './model-check.ts';

/** Ranks above this are no low-rank adapters, and make native code reserve without bound. */
const maxRank = 4096;

/**
 * Checks that a file is a LoRA adapter for this very model: its kind, and that each pair of matrices fits a tensor of the
 * base. libllama checks most of this again, but ends the process where a type of the metadata is wrong.
 * Throws `invalid_model_file`.
 */
export async function checkAdapter(file: string, base: ModelFile): Promise<void> {
  const gguf = await readChecked(file);
  const name = path.basename(file);
  const metadata = new MetadataReader(gguf.metadata, name);
  const refuse = (reason: string): never => {
    throw new AtelierError('invalid_model_file', { file: name, reason });
  };
  if (metadata.string('general.type') !== 'adapter' || metadata.string('adapter.type') !== 'lora')
    refuse('it is not a LoRA adapter');
  const architecture = metadata.requireString('general.architecture');
  if (architecture !== base.architecture)
    refuse(`it is for ${JSON.stringify(architecture.slice(0, 40))} models, this one is ${base.architecture}`);
  const alpha = gguf.metadata.get('adapter.lora.alpha');
  if (alpha && alpha.type !== 'FLOAT32') refuse('adapter.lora.alpha is not a FLOAT32');
  if (gguf.metadata.has('adapter.alora.invocation_tokens')) refuse('activated adapters are not supported');

  const shapes = new Map(gguf.tensors.map((tensor) => [tensor.name, tensor.shape]));
  let pairs = 0;
  for (const [tensor, shape] of shapes) {
    const [, target, part] =
      /^(.+)\.lora_([ab])$/.exec(tensor) ?? refuse(`tensor ${tensor} is no part of a LoRA adapter`);
    const wanted = base.tensors.get(target!) ?? refuse(`the model has no tensor ${target}`);
    const other = shapes.get(`${target}.lora_${part === 'a' ? 'b' : 'a'}`) ?? refuse(`tensor ${tensor} stands alone`);
    if (part === 'b') continue;
    if (!fits(shape, other, wanted, target === 'token_embd.weight')) {
      refuse(`${target}: [${shape.join(', ')}] and [${other.join(', ')}] do not fit [${wanted.join(', ')}]`);
    }
    pairs++;
  }
  if (pairs === 0) refuse('it changes nothing');
}

/**
 * `a` takes the tensor's input to the rank and `b` the rank to its output. The embedding is looked up by row instead of
 * multiplied, so there the input is the vocabulary and `a` is stored transposed.
 */
function fits(a: readonly number[], b: readonly number[], target: readonly number[], isEmbedding: boolean): boolean {
  const size = (shape: readonly number[], dimension: number) => shape[dimension] ?? 1;
  const [input, output] = isEmbedding ? [size(target, 1), size(target, 0)] : [size(target, 0), size(target, 1)];
  const [from, rank] = isEmbedding ? [size(a, 1), size(a, 0)] : [size(a, 0), size(a, 1)];
  const products = from === input && size(b, 0) === rank && size(b, 1) === output && rank <= maxRank;
  return (
    products &&
    [2, 3].every(
      (dimension) => size(a, dimension) === size(target, dimension) && size(b, dimension) === size(target, dimension),
    )
  );
}
