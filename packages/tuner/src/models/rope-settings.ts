/** Rotary embedding of a model as its metadata and llama.cpp's defaults have it (llama-model.cpp, llama-context.cpp). */
import type { MetadataReader } from '@atelier/llama/gguf';

export type RopeSettings = {
  readonly dimensions: number;
  /** 0: adjacent pairs turn together; 2: halves do (NEOX). */
  readonly mode: 0 | 2;
  readonly originalContext: number;
  readonly base: number;
  readonly frequencyScale: number;
  /** 1 blends scaled and unscaled frequencies (YaRN, Peng et al. 2023, arXiv 2309.00071), 0 does not. */
  readonly extensionFactor: number;
  readonly attentionFactor: number;
};

export const ropeScalings = ['none', 'linear', 'yarn', 'longrope'] as const;
export type RopeScaling = (typeof ropeScalings)[number];

/** The kind of scaling; linear, possibly by 1, where the file says nothing. Undefined for one that is not known. */
export function ropeScaling(metadata: MetadataReader, architecture: string): RopeScaling | undefined {
  const named = metadata.string(`${architecture}.rope.scaling.type`) ?? 'linear';
  return ropeScalings.find((scaling) => scaling === named);
}

export function readRope(
  metadata: MetadataReader,
  architecture: string,
  scaling: RopeScaling,
  facts: { readonly headSize: number; readonly context: number; readonly mode: 0 | 2 },
): RopeSettings {
  const number = (key: string): number | undefined => metadata.number(`${architecture}.rope.${key}`);
  const factor = number('scaling.factor') ?? number('scale_linear') ?? 0;
  const frequencyScale = factor === 0 || scaling === 'none' ? 1 : 1 / factor;
  const ofFile = number('scaling.attn_factor') ?? 1;
  return {
    dimensions: number('dimension_count') ?? facts.headSize,
    mode: facts.mode,
    originalContext: number('scaling.original_context_length') ?? facts.context,
    base: number('freq_base') ?? 10_000,
    frequencyScale,
    extensionFactor: scaling === 'yarn' ? 1 : 0,
    attentionFactor: scaling === 'yarn' ? ofFile * yarnFactor(1 / frequencyScale) : ofFile,
  };
}

/** What is left of YaRN's magnitude 0.1 ln(s) + 1 beside the same that ggml's rope multiplies by itself: 1 when s is above 1. */
function yarnFactor(factor: number): number {
  const magnitude = 0.1 * Math.log(factor) + 1;
  return (factor <= 1 ? 1 : magnitude) / magnitude;
}
