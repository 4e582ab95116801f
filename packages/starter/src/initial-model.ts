/** A model before training: random weights in a GGUF file that libllama and the tuner both load. */
import { writeGguf, type GgufValue } from '@atelier/llama/gguf';
import { parameterCount, tensorShapes, type Architecture } from './architecture.ts';
import { addCopyingCircuit } from './copying-circuit.ts';
import { hashText, Random } from './corpus/random.ts';
import { tokenizerMetadata } from './tokenizer/gguf-metadata.ts';
import type { Tokenizer } from './tokenizer/tokenizer.ts';

/** Projections back into the residual stream start at zero, so that each layer begins as the identity. */
const residualProjection = /attn_output|ffn_down/;

/**
 * The other matrices read a normalised stream: with a variance of 1 / width, queries and keys start with a spread of about
 * one. GPT-2's 0.02 suits a width of 2,500; at 256 attention would start all but uniform and learn to copy much later.
 */
function deviationOf(name: string, { width }: Architecture): number {
  return residualProjection.test(name) ? 0 : 1 / Math.sqrt(width);
}

function initialTensors(sizes: Architecture, vocabulary: number, seed: number): Map<string, Float32Array> {
  const tensors = new Map<string, Float32Array>();
  for (const { name, shape } of tensorShapes(sizes, vocabulary)) {
    const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
    const random = new Random(seed ^ hashText(name));
    const deviation = deviationOf(name, sizes);
    tensors.set(name, name.includes('norm') ? values.fill(1) : values.map(() => random.normal() * deviation));
  }
  addCopyingCircuit(sizes, tensors, seed);
  return tensors;
}

/** Everything in a starter model's GGUF file but its tensors. */
export function modelMetadata(sizes: Architecture, tokenizer: Tokenizer): [key: string, value: GgufValue][] {
  const count = (value: number): GgufValue => ({ type: 'UINT32', value });
  const real = (value: number): GgufValue => ({ type: 'FLOAT32', value });
  const text = (value: string): GgufValue => ({ type: 'STRING', value });
  const millions = (parameterCount(sizes, tokenizer.tokens.length) / 1e6).toFixed(1);
  return [
    ['general.architecture', text('llama')],
    ['general.type', text('model')],
    ['general.name', text(sizes.name)],
    ['general.size_label', text(`${millions}M`)],
    ['general.license', text('mit')],
    ['llama.context_length', count(sizes.context)],
    ['llama.embedding_length', count(sizes.width)],
    ['llama.block_count', count(sizes.layers)],
    ['llama.feed_forward_length', count(sizes.feedForward)],
    ['llama.attention.head_count', count(sizes.heads)],
    ['llama.attention.head_count_kv', count(sizes.keyValueHeads)],
    ['llama.attention.key_length', count(sizes.headWidth)],
    ['llama.attention.value_length', count(sizes.headWidth)],
    ['llama.attention.layer_norm_rms_epsilon', real(sizes.normEpsilon)],
    ['llama.rope.dimension_count', count(sizes.headWidth)],
    ['llama.rope.freq_base', real(sizes.ropeBase)],
    ['llama.vocab_size', count(tokenizer.tokens.length)],
    ...tokenizerMetadata(tokenizer),
  ];
}

/** Writes a model with random weights (F32); the same seed gives the same file. */
export async function writeInitialModel(
  path: string,
  options: { architecture: Architecture; tokenizer: Tokenizer; seed: number },
): Promise<void> {
  const { architecture, tokenizer, seed } = options;
  const values = initialTensors(architecture, tokenizer.tokens.length, seed);
  await writeGguf(path, {
    metadata: modelMetadata(architecture, tokenizer),
    tensors: tensorShapes(architecture, tokenizer.tokens.length).map(({ name, shape }) => ({
      name,
      shape,
      type: 'F32',
      data: () => new Uint8Array(values.get(name)!.buffer),
    })),
  });
}
