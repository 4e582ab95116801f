/** Rotary embedding of a model as its metadata and llama.cpp's defaults have it (llama-model.cpp, llama-context.cpp). */
import type { Architecture } from './architectures.ts';
import type { ModelKeys } from './model-keys.ts';

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

const ropeScalings = ['none', 'linear', 'yarn', 'longrope'] as const;
export type RopeScaling = (typeof ropeScalings)[number];

/** The kind of scaling; linear, possibly by 1, where the file says nothing. */
export function readRopeScaling(keys: ModelKeys): RopeScaling {
  const named = keys.string('rope.scaling.type') ?? 'linear';
  const scaling = ropeScalings.find((each) => each === named);
  if (!scaling) throw keys.invalid(`its rope scaling is none of ${ropeScalings.join(', ')}`);
  return scaling;
}

/** The rotation of layers that see everything, and of those that see a window; undefined for learnt positions. */
export function readRope(
  keys: ModelKeys,
  traits: Architecture,
  scaling: RopeScaling,
  { headSize, context }: { readonly headSize: number; readonly context: number },
): { readonly full: RopeSettings; readonly windowed: RopeSettings } | undefined {
  if (traits.positions === 'learned') return undefined;
  const factor = keys.number('rope.scaling.factor', keys.number('rope.scale_linear', 0));
  const frequencyScale = factor === 0 || scaling === 'none' ? 1 : 1 / factor;
  const ofFile = keys.number('rope.scaling.attn_factor', 1);
  const full: RopeSettings = {
    dimensions: keys.number('rope.dimension_count', headSize),
    mode: traits.positions === 'pairs' ? 0 : 2,
    originalContext: keys.number('rope.scaling.original_context_length', context),
    base: keys.number('rope.freq_base', 10_000),
    frequencyScale,
    extensionFactor: scaling === 'yarn' ? 1 : 0,
    attentionFactor: scaling === 'yarn' ? ofFile * yarnFactor(1 / frequencyScale) : ofFile,
  };
  const ownBase = traits.windows?.ropeBase;
  const windowed: RopeSettings = {
    ...full,
    frequencyScale: ownBase === undefined ? frequencyScale : 1,
    base: keys.number('rope.freq_base_swa', ownBase ?? full.base),
  };
  for (const rope of [full, windowed]) checkRope(keys, rope, headSize, traits.partialRotation === true);
  if (keys.number('rope.dimension_count_swa', full.dimensions) !== full.dimensions)
    throw keys.invalid('windowed layers turn another part of their heads');
  return { full, windowed };
}

function checkRope(keys: ModelKeys, rope: RopeSettings, headSize: number, partial: boolean): void {
  for (const [name, value] of Object.entries(rope))
    if (!Number.isFinite(value) || value < 0) throw keys.invalid(`rope ${name} is ${value}`);
  const { dimensions, base, frequencyScale, originalContext } = rope;
  const whole = partial ? dimensions <= headSize && dimensions > 0 : dimensions === headSize;
  if (!whole || dimensions % 2 !== 0)
    throw keys.invalid(`rope.dimension_count is ${dimensions} in heads of ${headSize}`);
  if (base === 0 || frequencyScale === 0 || !Number.isInteger(originalContext) || originalContext >= 2 ** 31)
    throw keys.invalid(
      `rope base ${base}, scale ${frequencyScale} and original context ${originalContext} make no sense`,
    );
}

/** What is left of YaRN's magnitude 0.1 ln(s) + 1 beside the same that ggml's rope multiplies by itself: 1 when s is above 1. */
function yarnFactor(factor: number): number {
  const magnitude = 0.1 * Math.log(factor) + 1;
  return (factor <= 1 ? 1 : magnitude) / magnitude;
}
