/** Models that the tuner is measured on: the starter's shape, and the larger one of the first prototype. */
export type Shape = {
  width: number;
  layers: number;
  heads: number;
  kvHeads: number;
  feedForward: number;
  vocabulary: number;
  length: number;
  bins: number;
};

export const shapes: Record<string, Shape> = {
  starter: { width: 256, layers: 6, heads: 4, kvHeads: 2, feedForward: 704, vocabulary: 4096, length: 256, bins: 8 },
  /** To try the comparison on GPUs where there is only a software one. */
  tiny: { width: 64, layers: 2, heads: 4, kvHeads: 2, feedForward: 128, vocabulary: 512, length: 64, bins: 2 },
  /** Llama 3.2 1B and Llama 3.1 8B, with a vocabulary that a file of random weights is soon written for. */
  '1B': { width: 2048, layers: 16, heads: 32, kvHeads: 8, feedForward: 8192, vocabulary: 32_768, length: 512, bins: 8 },
  '8B': {
    width: 4096,
    layers: 32,
    heads: 32,
    kvHeads: 8,
    feedForward: 14_336,
    vocabulary: 32_768,
    length: 512,
    bins: 4,
  },
  prototype: { width: 512, layers: 8, heads: 8, kvHeads: 8, feedForward: 1536, vocabulary: 8192, length: 256, bins: 4 },
};
