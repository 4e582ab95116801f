/** Sizes of a Llama-architecture model. The output head is tied to the token embedding. */
export type Architecture = {
  name: string;
  /** Width of the residual stream. */
  width: number;
  layers: number;
  heads: number;
  /** Heads of keys and values; each serves heads / keyValueHeads query heads. */
  keyValueHeads: number;
  headWidth: number;
  feedForward: number;
  context: number;
  ropeBase: number;
  normEpsilon: number;
};

const common = { headWidth: 64, context: 1024, ropeBase: 10_000, normEpsilon: 1e-5 };

/** The models of this package: `starter` is what the product shows itself with, `tiny` is for fast tests. */
export const architectures = {
  starter: { ...common, name: 'Atelier Starter', width: 256, layers: 6, heads: 4, keyValueHeads: 2, feedForward: 704 },
  tiny: {
    ...common,
    name: 'Atelier Tiny',
    width: 128,
    layers: 4,
    heads: 4,
    keyValueHeads: 2,
    headWidth: 32,
    feedForward: 352,
  },
} as const satisfies Record<string, Architecture>;

export type ArchitectureName = keyof typeof architectures;

/** The tensors of a model by their GGUF names; shapes in ggml order, fastest dimension first. */
export function tensorShapes(sizes: Architecture, vocabulary: number): { name: string; shape: number[] }[] {
  const { width, layers, heads, keyValueHeads, headWidth, feedForward } = sizes;
  const layer = (i: number) => [
    { name: `blk.${i}.attn_norm.weight`, shape: [width] },
    { name: `blk.${i}.attn_q.weight`, shape: [width, heads * headWidth] },
    { name: `blk.${i}.attn_k.weight`, shape: [width, keyValueHeads * headWidth] },
    { name: `blk.${i}.attn_v.weight`, shape: [width, keyValueHeads * headWidth] },
    { name: `blk.${i}.attn_output.weight`, shape: [heads * headWidth, width] },
    { name: `blk.${i}.ffn_norm.weight`, shape: [width] },
    { name: `blk.${i}.ffn_gate.weight`, shape: [width, feedForward] },
    { name: `blk.${i}.ffn_up.weight`, shape: [width, feedForward] },
    { name: `blk.${i}.ffn_down.weight`, shape: [feedForward, width] },
  ];
  return [
    { name: 'token_embd.weight', shape: [width, vocabulary] },
    ...Array.from({ length: layers }, (_, i) => layer(i)).flat(),
    { name: 'output_norm.weight', shape: [width] },
  ];
}

/** Trainable numbers in a model. */
export function parameterCount(sizes: Architecture, vocabulary: number): number {
  return tensorShapes(sizes, vocabulary).reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
}
