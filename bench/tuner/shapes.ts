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
  prototype: { width: 512, layers: 8, heads: 8, kvHeads: 8, feedForward: 1536, vocabulary: 8192, length: 256, bins: 4 },
};
