/** The shape of a model, read from GGUF metadata (keys as in llama.cpp's llama-arch.cpp) and its architecture's description. */
import { AtelierError } from '@atelier/errors';
import { MetadataReader, type GgufFile } from '@atelier/llama/gguf';
import { architectures, type Architecture } from './architectures.ts';
import { readRope, ropeScaling, type RopeScaling, type RopeSettings } from './rope-settings.ts';

/** Which keys of its own row a query sees. */
export type MaskRule = {
  /** Only those up to its own position. */
  readonly causal: boolean;
  /** Only so many positions back, itself among them; absent: all. */
  readonly window?: number;
};

/** What differs between the layers of one model. */
export type LayerRule = {
  /** Index into `masks`. */
  readonly mask: number;
  /** Absent where queries and keys are not rotated. */
  readonly rope?: RopeSettings;
};

export type ModelConfig = {
  readonly architecture: string;
  readonly traits: Architecture;
  readonly context: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  readonly feedForward: number;
  readonly vocabulary: number;
  readonly normEpsilon: number;
  /** Scores are multiplied by it before anything else. */
  readonly attentionScale: number;
  /** cap * tanh(score / cap); 0 is none. */
  readonly scoreCap: number;
  readonly logitCap: number;
  readonly ropeScaling: RopeScaling;
  readonly masks: readonly MaskRule[];
  readonly layerRules: readonly LayerRule[];
  /** True when the output head is the token embedding. */
  readonly tied: boolean;
};

/** Architectures that can be trained, as errors name them. */
export const supportedArchitectures = Object.keys(architectures);

/** Throws unsupported_model or invalid_model_file, naming the key, when the file is not a model this package trains. */
export function readConfig(file: GgufFile, name: string): ModelConfig {
  const metadata = new MetadataReader(file.metadata, name);
  const architecture = metadata.requireString('general.architecture');
  const unsupported = (described: string): AtelierError =>
    new AtelierError('unsupported_model', {
      name,
      architecture: described,
      supported: supportedArchitectures.join(', '),
    });
  // Own properties only: a file may name its architecture `constructor`.
  if (!Object.hasOwn(architectures, architecture)) throw unsupported(architecture.slice(0, 40));
  const traits = architectures[architecture]!;
  const invalid = (reason: string): AtelierError => new AtelierError('invalid_model_file', { file: name, reason });
  const number = (key: string, fallback?: number): number => {
    const whole = `${architecture}.${key}`;
    const value = fallback === undefined ? metadata.requireNumber(whole) : (metadata.number(whole) ?? fallback);
    if (!Number.isFinite(value) || value < 0) throw invalid(`${whole} is ${value}`);
    return value;
  };
  const experts = number('expert_count', 0);
  if (experts > 0) throw unsupported(`${architecture} with ${experts} experts (a mixture of experts)`);
  const embedding = file.tensors.find((tensor) => tensor.name === 'token_embd.weight');
  if (!embedding) throw invalid('token_embd.weight is missing');
  const scaling = ropeScaling(metadata, architecture);
  if (!scaling) throw invalid(`its rope scaling is none of ${['none', 'linear', 'yarn', 'longrope'].join(', ')}`);
  const heads = number('attention.head_count');
  const sizes = {
    context: number('context_length'),
    width: number('embedding_length'),
    layers: number('block_count'),
    heads,
    kvHeads: number('attention.head_count_kv', heads),
    headSize: number('attention.key_length', number('embedding_length') / heads),
    feedForward: number('feed_forward_length'),
    vocabulary: embedding.shape[1] ?? 0,
  };
  for (const [key, value] of Object.entries(sizes)) {
    if (!Number.isInteger(value) || value <= 0 || value >= 2 ** 31) throw invalid(`${key} is ${value}`);
  }
  // A layer takes tensors and graph nodes: far more than any model's would only fill memory.
  if (sizes.layers > maxLayers) throw invalid(`layers is ${sizes.layers}, above ${maxLayers}`);
  const { layers, headSize, kvHeads, width, context } = sizes;
  if (heads % kvHeads !== 0) throw invalid(`${heads} heads do not divide into ${kvHeads} key heads`);
  if (number('attention.value_length', headSize) !== headSize) throw invalid('keys and values differ in size');
  if (!traits.ownHeadSize && heads * headSize !== width)
    throw invalid(`${heads} heads of ${headSize} do not make up the width ${width}`);
  for (const key of ['attention.key_length_swa', 'attention.value_length_swa'])
    if (number(key, headSize) !== headSize) throw invalid(`windowed layers have heads of another size`);
  const normEpsilon = number(`attention.layer_norm_${traits.norm === 'rms' ? 'rms_' : ''}epsilon`);
  if (!(normEpsilon > 0 && normEpsilon < 1)) throw invalid(`the epsilon of its norms is ${normEpsilon}`);

  let rope: RopeSettings | undefined;
  if (traits.positions !== 'learned') {
    rope = readRope(metadata, architecture, scaling, { headSize, context, mode: traits.positions === 'pairs' ? 0 : 2 });
    for (const [key, value] of Object.entries(rope)) {
      if (!Number.isFinite(value) || value < 0) throw invalid(`rope ${key} is ${value}`);
    }
    const { dimensions, base, frequencyScale, originalContext } = rope;
    if (
      (!traits.partialRotation && dimensions !== headSize) ||
      number('rope.dimension_count_swa', dimensions) !== dimensions
    )
      throw invalid(`rope.dimension_count is not the size of a head, ${headSize}`);
    if (!Number.isInteger(dimensions) || dimensions % 2 !== 0 || dimensions === 0 || dimensions > headSize)
      throw invalid(`rope.dimension_count is ${dimensions} in heads of ${headSize}`);
    if (base === 0 || frequencyScale === 0 || !Number.isInteger(originalContext) || originalContext >= 2 ** 31)
      throw invalid('its rotary embedding makes no sense');
  }
  const windows = windowRule(metadata, architecture, traits, layers, invalid);
  const windowedRope = rope && {
    ...rope,
    ...(traits.windows?.ropeBase !== undefined && { frequencyScale: 1 }),
    base: number('rope.freq_base_swa', traits.windows?.ropeBase ?? rope.base),
  };
  const causal = traits.kind === 'decoder' && metadata.boolean(`${architecture}.attention.causal`) !== false;
  return {
    architecture,
    traits,
    ...sizes,
    normEpsilon,
    attentionScale: 1 / Math.sqrt(layers === traits.scaleByWidthAt ? Math.floor(width / heads) : headSize),
    scoreCap: traits.scoreCap === undefined ? 0 : number('attn_logit_softcapping', traits.scoreCap),
    logitCap: traits.logitCap === undefined ? 0 : number('final_logit_softcapping', traits.logitCap),
    ropeScaling: scaling,
    masks: windows ? [{ causal }, { causal, window: windows.size }] : [{ causal }],
    layerRules: Array.from({ length: layers }, (_, layer) => {
      const windowed = windows?.layers[layer] === true;
      const turn = windowed ? windowedRope : rope;
      const rotated = turn && !(traits.unrotatedEvery && (layer + 1) % traits.unrotatedEvery === 0);
      return { mask: windowed ? 1 : 0, ...(rotated && { rope: turn }) };
    }),
    tied: traits.alwaysTied === true || !file.tensors.some((tensor) => tensor.name === 'output.weight'),
  };
}

const maxLayers = 512;

/** Which layers see a window only, and how wide it is. */
function windowRule(
  metadata: MetadataReader,
  architecture: string,
  { windows }: Architecture,
  layers: number,
  invalid: (reason: string) => AtelierError,
): { size: number; layers: readonly boolean[] } | undefined {
  if (!windows) return undefined;
  const sizeKey = `${architecture}.attention.sliding_window`;
  const size = metadata.number(sizeKey) ?? windows.size ?? 0;
  if (size === 0 && windows.size === undefined) return undefined;
  if (!Number.isInteger(size) || size <= 0) throw invalid(`${sizeKey} is ${size}`);
  const key = `${sizeKey}_pattern`;
  if (metadata.isArray(key)) {
    const pattern = metadata.booleans(key) ?? [];
    if (pattern.length < layers) throw invalid(`${key} has ${pattern.length} entries for ${layers} layers`);
    return { size, layers: pattern };
  }
  const fullEvery = metadata.number(key) ?? windows.fullEvery;
  if (!Number.isInteger(fullEvery) || fullEvery < 0) throw invalid(`${key} is ${fullEvery}`);
  return {
    size,
    layers: Array.from({ length: layers }, (_, layer) => fullEvery === 0 || layer % fullEvery < fullEvery - 1),
  };
}
