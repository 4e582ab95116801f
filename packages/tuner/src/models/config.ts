/** The shape of a model, read from GGUF metadata (keys as in llama.cpp's llama-arch.cpp) and its architecture's description. */
import { AtelierError } from '@atelier/errors';
import type { GgufFile } from '@atelier/llama/gguf';
import { architectures, type Architecture } from './architectures.ts';
import { ModelKeys } from './model-keys.ts';
import { readRope, readRopeScaling, type RopeScaling, type RopeSettings } from './rope-settings.ts';

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
  const keys = new ModelKeys(file, name);
  const { architecture } = keys;
  const traits = requireSupport(keys, name);
  const sizes = readSizes(keys, traits, file);
  const { layers, heads, headSize, width } = sizes;
  const normEpsilon = keys.number(`attention.layer_norm_${traits.norm === 'rms' ? 'rms_' : ''}epsilon`);
  if (!(normEpsilon > 0 && normEpsilon < 1)) throw keys.invalid(`the epsilon of its norms is ${normEpsilon}`);
  const scaling = readRopeScaling(keys);
  const rope = readRope(keys, traits, scaling, sizes);
  const windows = readWindows(keys, traits, layers);
  const causal = traits.kind === 'decoder' && keys.boolean('attention.causal') !== false;
  return {
    architecture,
    traits,
    ...sizes,
    normEpsilon,
    attentionScale: 1 / Math.sqrt(layers === traits.scaleByWidthAt ? Math.floor(width / heads) : headSize),
    scoreCap: traits.scoreCap === undefined ? 0 : keys.number('attn_logit_softcapping', traits.scoreCap),
    logitCap: traits.logitCap === undefined ? 0 : keys.number('final_logit_softcapping', traits.logitCap),
    ropeScaling: scaling,
    masks: windows ? [{ causal }, { causal, window: windows.size }] : [{ causal }],
    layerRules: Array.from({ length: layers }, (_, layer) => {
      const windowed = windows?.layers[layer] === true;
      const turn = windowed ? rope?.windowed : rope?.full;
      const rotated = turn && !(traits.unrotatedEvery && (layer + 1) % traits.unrotatedEvery === 0);
      return { mask: windowed ? 1 : 0, ...(rotated && { rope: turn }) };
    }),
    tied: traits.alwaysTied === true || !file.tensors.some((tensor) => tensor.name === 'output.weight'),
  };
}

function requireSupport(keys: ModelKeys, name: string): Architecture {
  const refused = (architecture: string): AtelierError =>
    new AtelierError('unsupported_model', { name, architecture, supported: supportedArchitectures.join(', ') });
  const { architecture } = keys;
  // Own properties only: a file may name its architecture `constructor`.
  if (!Object.hasOwn(architectures, architecture)) throw refused(architecture.slice(0, 40));
  const experts = keys.number('expert_count', 0);
  if (experts > 0) throw refused(`${architecture} with ${experts} experts (a mixture of experts)`);
  return architectures[architecture]!;
}

/** A layer takes tensors and graph nodes: far more than any model's would only fill memory. */
const maxLayers = 512;

type Sizes = Pick<
  ModelConfig,
  'context' | 'width' | 'layers' | 'heads' | 'kvHeads' | 'headSize' | 'feedForward' | 'vocabulary'
>;

function readSizes(keys: ModelKeys, traits: Architecture, file: GgufFile): Sizes {
  const embedding = file.tensors.find((tensor) => tensor.name === 'token_embd.weight');
  if (!embedding) throw keys.invalid('token_embd.weight is missing');
  const width = keys.number('embedding_length');
  const heads = keys.number('attention.head_count');
  const sizes = {
    context: keys.number('context_length'),
    width,
    layers: keys.number('block_count'),
    heads,
    kvHeads: keys.number('attention.head_count_kv', heads),
    headSize: keys.number('attention.key_length', width / heads),
    feedForward: keys.number('feed_forward_length'),
    vocabulary: embedding.shape[1] ?? 0,
  };
  for (const [key, value] of Object.entries(sizes)) {
    if (!Number.isInteger(value) || value <= 0 || value >= 2 ** 31) throw keys.invalid(`${key} is ${value}`);
  }
  const { layers, kvHeads, headSize } = sizes;
  if (layers > maxLayers) throw keys.invalid(`layers is ${layers}, above ${maxLayers}`);
  if (heads % kvHeads !== 0) throw keys.invalid(`${heads} heads do not divide into ${kvHeads} key heads`);
  if (!traits.ownHeadSize && heads * headSize !== width)
    throw keys.invalid(`${heads} heads of ${headSize} do not make up the width ${width}`);
  for (const key of ['attention.value_length', 'attention.key_length_swa', 'attention.value_length_swa'])
    if (keys.number(key, headSize) !== headSize)
      throw keys.invalid(`${key} is not ${headSize}, the size of other heads`);
  return sizes;
}

/** Which layers see a window only, and how wide it is. */
function readWindows(
  keys: ModelKeys,
  { windows }: Architecture,
  layers: number,
): { size: number; layers: readonly boolean[] } | undefined {
  if (!windows) return undefined;
  const size = keys.number('attention.sliding_window', windows.size ?? 0);
  if (size === 0 && windows.size === undefined) return undefined;
  if (!Number.isInteger(size) || size === 0) throw keys.invalid(`attention.sliding_window is ${size}`);
  const patternKey = 'attention.sliding_window_pattern';
  const pattern = keys.booleans(patternKey);
  if (pattern && pattern.length < layers)
    throw keys.invalid(`${patternKey} has ${pattern.length} entries for ${layers} layers`);
  if (pattern) return { size, layers: pattern };
  const fullEvery = keys.number(patternKey, windows.fullEvery);
  if (!Number.isInteger(fullEvery)) throw keys.invalid(`${patternKey} is ${fullEvery}`);
  return {
    size,
    layers: Array.from({ length: layers }, (_, layer) => fullEvery === 0 || layer % fullEvery < fullEvery - 1),
  };
}
