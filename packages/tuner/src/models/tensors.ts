/** Names and shapes of a model's tensors and which of them a low-rank addition may go to. */
import { AtelierError } from '@atelier/errors';
import type { GgufFile } from '@atelier/llama/gguf';
import { elements, type Shape } from '../graph/value.ts';
import type { BlockMatrix } from './architectures.ts';
import type { ModelConfig } from './config.ts';

/** Tensors that training leaves alone whatever the method: they are settings, not weights. */
export const constantTensors: ReadonlySet<string> = new Set([
  'rope_freqs.weight',
  'rope_factors_long.weight',
  'rope_factors_short.weight',
]);

/**
 * Name and shape of every tensor of the model. Throws invalid_model_file when one is missing or has another shape, and
 * when the file has one that a model of this shape does not.
 */
export function modelTensors(config: ModelConfig, file: GgufFile, name: string): Map<string, Shape> {
  const shapes = tensorShapes(config, file);
  const found = new Map(file.tensors.map((tensor) => [tensor.name, tensor]));
  const invalid = (reason: string): AtelierError => new AtelierError('invalid_model_file', { file: name, reason });
  for (const [tensorName, shape] of shapes) {
    const tensor = found.get(tensorName);
    if (!tensor) throw invalid(`tensor ${tensorName} is missing`);
    if (elements(tensor.shape) !== elements(shape) || shape.some((size, i) => size !== (tensor.shape[i] ?? 1)))
      throw invalid(`tensor ${tensorName} is [${tensor.shape.join(', ')}], expected [${shape.join(', ')}]`);
  }
  for (const tensorName of found.keys())
    if (!shapes.has(tensorName)) throw invalid(`tensor ${tensorName} is not one that this tuner knows`);
  return shapes;
}

function tensorShapes(config: ModelConfig, file: GgufFile): Map<string, readonly number[]> {
  const { traits, width, feedForward } = config;
  const query = config.heads * config.headSize;
  const key = config.kvHeads * config.headSize;
  const names = new Set(file.tensors.map(({ name }) => name));
  const shapes = new Map<string, readonly number[]>();
  const norm = (name: string, size = width): void => {
    shapes.set(`${name}.weight`, [size]);
    if (traits.norm === 'layer') shapes.set(`${name}.bias`, [size]);
  };
  shapes.set('token_embd.weight', [width, config.vocabulary]);
  if (traits.positions === 'learned') shapes.set('position_embd.weight', [width, config.context]);
  if (traits.kind === 'encoder') {
    const types = file.tensors.find(({ name }) => name === 'token_types.weight')?.shape[1];
    if (types !== undefined) shapes.set('token_types.weight', [width, types]);
    norm('token_embd_norm');
  } else {
    norm('output_norm');
    if (!config.tied) shapes.set('output.weight', [width, config.vocabulary]);
  }
  for (const name of ropeFactorNames(config))
    if (names.has(name)) shapes.set(name, [(config.layerRules[0]?.rope?.dimensions ?? 0) / 2]);

  const fused = traits.qkv === 'fused' || (traits.qkv === 'either' && names.has('blk.0.attn_qkv.weight'));
  const gated = traits.activation !== 'gelu';
  const matrices: [BlockMatrix, number, number][] = [
    ...((fused
      ? [['attn_qkv', width, query + 2 * key]]
      : [
          ['attn_q', width, query],
          ['attn_k', width, key],
          ['attn_v', width, key],
        ]) as [BlockMatrix, number, number][]),
    ['attn_output', query, width],
    ...(gated && !traits.fusedGate ? [['ffn_gate', width, feedForward] as [BlockMatrix, number, number]] : []),
    ['ffn_up', width, traits.fusedGate ? 2 * feedForward : feedForward],
    ['ffn_down', feedForward, width],
  ];
  for (let layer = 0; layer < config.layers; layer++) {
    const block = `blk.${layer}.`;
    for (const part of normNames(config)) norm(`${block}${part}`);
    if (traits.headNorms) {
      shapes.set(`${block}attn_q_norm.weight`, [config.headSize]);
      shapes.set(`${block}attn_k_norm.weight`, [config.headSize]);
    }
    for (const [part, inputs, outputs] of matrices) {
      shapes.set(`${block}${part}.weight`, [inputs, outputs]);
      const bias = `${block}${part}.bias`;
      const { required = [], optional = [] } = traits.biases ?? {};
      if (required.includes(part) || (optional.includes(part) && names.has(bias))) shapes.set(bias, [outputs]);
    }
  }
  return shapes;
}

/** Norms of a block across the residual stream. */
function normNames({ traits: { normPlaces } }: ModelConfig): string[] {
  if (normPlaces === 'after') return ['attn_output_norm', 'layer_output_norm'];
  return ['attn_norm', 'ffn_norm', ...(normPlaces === 'around' ? ['post_attention_norm', 'post_ffw_norm'] : [])];
}

function ropeFactorNames({ traits, ropeScaling }: ModelConfig): string[] {
  if (traits.ropeFactors === undefined) return [];
  return traits.ropeFactors === 'longrope' || ropeScaling === 'longrope'
    ? ['rope_factors_long.weight', 'rope_factors_short.weight']
    : ['rope_freqs.weight'];
}

/**
 * Matrices of a block that each target word stands for. Where a family keeps several in one, the whole of it is the
 * target: `q`, `k` and `v` each name a fused `attn_qkv`, and `gate` names Phi-3's `ffn_up`, which holds the gate.
 */
const targetMatrices: Readonly<Record<string, readonly BlockMatrix[]>> = {
  q: ['attn_q', 'attn_qkv'],
  k: ['attn_k', 'attn_qkv'],
  v: ['attn_v', 'attn_qkv'],
  o: ['attn_output'],
  gate: ['ffn_gate'],
  up: ['ffn_up'],
  down: ['ffn_down'],
};

/** Names of the model's tensors that the target words mean, in the order of `names`. A head that is the embedding has no name of its own. */
export function targetTensors(config: ModelConfig, words: readonly string[], names: Iterable<string>): string[] {
  const matrices = new Set(words.flatMap((word) => targetMatrices[word] ?? []));
  if (config.traits.fusedGate && words.includes('gate')) matrices.add('ffn_up');
  return [...names].filter((name) => {
    if (name === 'output.weight') return words.includes('output');
    const [, matrix] = /^blk\.\d+\.(\w+)\.weight$/.exec(name) ?? [];
    return matrix !== undefined && matrices.has(matrix as BlockMatrix);
  });
}
