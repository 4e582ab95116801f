/** Adapters with random numbers for any GGUF model. */
import { encodeTensor, type FloatType, type GgufTensorSource, readGguf, writeGguf } from '@atelier/llama/gguf';

export interface TinyAdapterOptions {
  alpha?: number;
  /** Of each tensor, by its place among those that are adapted. */
  rank?: (index: number) => number;
  /** Which matrices are adapted; those of the layers by default. */
  match?: RegExp;
  type?: FloatType;
}

export async function writeAdapterFor(base: string, file: string, options: TinyAdapterOptions = {}): Promise<void> {
  const { alpha = 8, rank = () => 4, match = /^blk\.\d+\.(attn|ffn)_\w+\.weight$/, type = 'F32' } = options;
  const { tensors, metadata } = await readGguf(base);
  let state = 12_345;
  const random = (count: number, scale: number): Float32Array =>
    Float32Array.from({ length: count }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return scale * (state / 2 ** 31 - 1);
    });
  const adapted = tensors.filter(({ name, shape }) => match.test(name) && shape.length === 2);
  const sources = adapted.flatMap(({ name, shape: [inputs = 1, outputs = 1] }, index): GgufTensorSource[] => {
    const r = rank(index);
    const embedding = name === 'token_embd.weight';
    const a = random(r * (embedding ? outputs : inputs), 1 / Math.sqrt(embedding ? r : inputs));
    const b = random(r * (embedding ? inputs : outputs), 1 / Math.sqrt(r));
    return [
      {
        name: `${name}.lora_a`,
        shape: embedding ? [r, outputs] : [inputs, r],
        type,
        data: () => encodeTensor(type, a),
      },
      { name: `${name}.lora_b`, shape: [r, embedding ? inputs : outputs], type, data: () => encodeTensor(type, b) },
    ];
  });
  await writeGguf(file, {
    metadata: [
      ['general.architecture', metadata.get('general.architecture')!],
      ['general.type', { type: 'STRING', value: 'adapter' }],
      ['adapter.type', { type: 'STRING', value: 'lora' }],
      ['adapter.lora.alpha', { type: 'FLOAT32', value: alpha }],
    ],
    tensors: sources,
  });
}
