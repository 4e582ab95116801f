/** Hugging Face folders with random weights, one of each family, small enough to convert in milliseconds. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { encodeTensor, type FloatType } from '@atelier/llama/gguf';
import { writeSafetensors } from '../src/safetensors/write.ts';
import { byteLevelFiles, type Files, mergedPieceFiles, sentencePieceFiles, wordPieceFiles } from './tiny-tokenizers.ts';

export interface TinyFolder {
  config: Record<string, unknown>;
  /** As PyTorch has them, written out by hand: not by the rules that are tested. */
  tensors: [name: string, shape: number[]][];
  tokenizer: Files;
  /** Parts shards, with an index. */
  shards?: number;
}

const [width, heads, kvHeads, headSize, feedForward, layers] = [64, 4, 2, 16, 128, 2];

const decoder = {
  hidden_size: width,
  intermediate_size: feedForward,
  num_hidden_layers: layers,
  num_attention_heads: heads,
  num_key_value_heads: kvHeads,
  max_position_embeddings: 128,
  rms_norm_eps: 1e-5,
};

/** Tensors of a class shaped after Llama's. */
function decoderTensors(
  vocabulary: number,
  options: { tied?: boolean; biases?: string[]; norms?: string[]; wide?: number } = {},
): TinyFolder['tensors'] {
  const size = options.wide ?? headSize;
  const tensors: TinyFolder['tensors'] = [['model.embed_tokens.weight', [vocabulary, width]]];
  for (let layer = 0; layer < layers; layer++) {
    const at = `model.layers.${layer}`;
    tensors.push([`${at}.self_attn.q_proj.weight`, [heads * size, width]]);
    tensors.push([`${at}.self_attn.k_proj.weight`, [kvHeads * size, width]]);
    tensors.push([`${at}.self_attn.v_proj.weight`, [kvHeads * size, width]]);
    tensors.push([`${at}.self_attn.o_proj.weight`, [width, heads * size]]);
    tensors.push([`${at}.mlp.gate_proj.weight`, [feedForward, width]]);
    tensors.push([`${at}.mlp.up_proj.weight`, [feedForward, width]]);
    tensors.push([`${at}.mlp.down_proj.weight`, [width, feedForward]]);
    for (const bias of options.biases ?? [])
      tensors.push([
        `${at}.self_attn.${bias}.bias`,
        [bias === 'q_proj' ? heads * size : bias === 'o_proj' ? width : kvHeads * size],
      ]);
    for (const norm of ['input_layernorm', 'post_attention_layernorm', ...(options.norms ?? [])])
      tensors.push([`${at}.${norm}.weight`, [norm.startsWith('self_attn') ? size : width]]);
  }
  tensors.push(['model.norm.weight', [width]]);
  if (!options.tied) tensors.push(['lm_head.weight', [vocabulary, width]]);
  return tensors;
}

const headNorms = ['self_attn.q_norm', 'self_attn.k_norm'];
const postNorms = ['pre_feedforward_layernorm', 'post_feedforward_layernorm'];
const gemma = { head_dim: 32, hidden_activation: 'gelu_pytorch_tanh', query_pre_attn_scalar: 32, sliding_window: 64 };

export const tinyFolders = {
  llama2: {
    config: {
      ...decoder,
      architectures: ['LlamaForCausalLM'],
      model_type: 'llama',
      vocab_size: 304,
      hidden_act: 'silu',
      rope_theta: 10_000,
    },
    tensors: decoderTensors(304),
    tokenizer: sentencePieceFiles(),
  },
  llama3: {
    config: {
      ...decoder,
      architectures: ['LlamaForCausalLM'],
      model_type: 'llama',
      vocab_size: 272,
      head_dim: 16,
      tie_word_embeddings: true,
      rope_theta: 500_000,
      rope_scaling: {
        rope_type: 'llama3',
        factor: 8,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: 64,
      },
    },
    tensors: decoderTensors(272, { tied: true }),
    tokenizer: byteLevelFiles('llama-bpe'),
    shards: 3,
  },
  mistral: {
    config: {
      ...decoder,
      architectures: ['MistralForCausalLM'],
      model_type: 'mistral',
      vocab_size: 301,
      sliding_window: null,
      head_dim: 32,
      rope_theta: 1e6,
    },
    tensors: decoderTensors(301, { wide: 32 }),
    tokenizer: mergedPieceFiles(),
  },
  smollm: {
    config: {
      ...decoder,
      architectures: ['LlamaForCausalLM'],
      model_type: 'llama',
      vocab_size: 272,
      tie_word_embeddings: true,
      attention_bias: true,
    },
    tensors: decoderTensors(272, { tied: true, biases: ['q_proj', 'k_proj', 'v_proj', 'o_proj'] }),
    tokenizer: byteLevelFiles('smollm'),
  },
  qwen2: {
    config: {
      ...decoder,
      architectures: ['Qwen2ForCausalLM'],
      model_type: 'qwen2',
      vocab_size: 280,
      use_sliding_window: false,
      rope_theta: 1e6,
    },
    tensors: decoderTensors(280, { biases: ['q_proj', 'k_proj', 'v_proj'] }),
    tokenizer: byteLevelFiles('qwen2'),
  },
  qwen3: {
    config: {
      ...decoder,
      architectures: ['Qwen3ForCausalLM'],
      model_type: 'qwen3',
      vocab_size: 280,
      head_dim: 32,
      tie_word_embeddings: true,
      rope_theta: 1e6,
    },
    tensors: decoderTensors(280, { tied: true, norms: headNorms, wide: 32 }),
    tokenizer: byteLevelFiles('qwen2'),
  },
  gemma2: {
    config: {
      ...decoder,
      ...gemma,
      architectures: ['Gemma2ForCausalLM'],
      model_type: 'gemma2',
      vocab_size: 304,
      attn_logit_softcapping: 50,
      final_logit_softcapping: 30,
    },
    tensors: decoderTensors(304, { tied: true, norms: postNorms, wide: 32 }),
    tokenizer: sentencePieceFiles(false),
  },
  gemma3: {
    config: {
      ...decoder,
      ...gemma,
      architectures: ['Gemma3ForCausalLM'],
      model_type: 'gemma3_text',
      vocab_size: 304,
      rope_theta: 1e6,
      rope_local_base_freq: 10_000,
      rope_scaling: { rope_type: 'linear', factor: 8 },
    },
    tensors: decoderTensors(304, { tied: true, norms: [...postNorms, ...headNorms], wide: 32 }),
    tokenizer: sentencePieceFiles(false),
  },
  phi3: {
    config: {
      ...decoder,
      architectures: ['Phi3ForCausalLM'],
      model_type: 'phi3',
      vocab_size: 304,
      original_max_position_embeddings: 64,
      sliding_window: 64,
      pad_token_id: 2,
      rope_theta: 10_000,
      rope_scaling: {
        type: 'longrope',
        long_factor: Array.from({ length: headSize / 2 }, (_, index) => 1 + index / 4),
        short_factor: Array.from({ length: headSize / 2 }, (_, index) => 1 + index / 16),
      },
    },
    tensors: decoderTensors(304).flatMap(([name, shape]): TinyFolder['tensors'] => {
      if (name.includes('q_proj'))
        return [[name.replace('q_proj', 'qkv_proj'), [(heads + 2 * kvHeads) * headSize, width]]];
      if (name.includes('gate_proj')) return [[name.replace('gate_proj', 'gate_up_proj'), [2 * feedForward, width]]];
      return /[kv]_proj|up_proj/.test(name) ? [] : [[name, shape]];
    }),
    tokenizer: sentencePieceFiles(),
  },
  gpt2: {
    config: {
      architectures: ['GPT2LMHeadModel'],
      model_type: 'gpt2',
      vocab_size: 272,
      n_positions: 128,
      n_ctx: 128,
      n_embd: width,
      n_layer: layers,
      n_head: heads,
      layer_norm_epsilon: 1e-5,
      activation_function: 'gelu_new',
    },
    tensors: [
      ['transformer.wte.weight', [272, width]],
      ['transformer.wpe.weight', [128, width]],
      ...[0, 1].flatMap((layer): TinyFolder['tensors'] => {
        const at = `transformer.h.${layer}`;
        return [
          [`${at}.ln_1.weight`, [width]],
          [`${at}.ln_1.bias`, [width]],
          [`${at}.attn.bias`, [1, 1, 128, 128]],
          [`${at}.attn.c_attn.weight`, [width, 3 * width]],
          [`${at}.attn.c_attn.bias`, [3 * width]],
          [`${at}.attn.c_proj.weight`, [width, width]],
          [`${at}.attn.c_proj.bias`, [width]],
          [`${at}.ln_2.weight`, [width]],
          [`${at}.ln_2.bias`, [width]],
          [`${at}.mlp.c_fc.weight`, [width, 4 * width]],
          [`${at}.mlp.c_fc.bias`, [4 * width]],
          [`${at}.mlp.c_proj.weight`, [4 * width, width]],
          [`${at}.mlp.c_proj.bias`, [width]],
        ];
      }),
      ['transformer.ln_f.weight', [width]],
      ['transformer.ln_f.bias', [width]],
    ],
    tokenizer: byteLevelFiles('gpt-2'),
  },
  bert: {
    config: {
      architectures: ['BertModel'],
      model_type: 'bert',
      vocab_size: 64,
      hidden_size: width,
      intermediate_size: feedForward,
      num_hidden_layers: layers,
      num_attention_heads: heads,
      max_position_embeddings: 128,
      type_vocab_size: 2,
      layer_norm_eps: 1e-12,
      hidden_act: 'gelu',
    },
    tensors: [
      ['embeddings.word_embeddings.weight', [64, width]],
      ['embeddings.position_embeddings.weight', [128, width]],
      ['embeddings.token_type_embeddings.weight', [2, width]],
      ['embeddings.LayerNorm.weight', [width]],
      ['embeddings.LayerNorm.bias', [width]],
      ['pooler.dense.weight', [width, width]],
      ['pooler.dense.bias', [width]],
      ...[0, 1].flatMap((layer) =>
        (
          [
            ['attention.self.query', [width, width]],
            ['attention.self.key', [width, width]],
            ['attention.self.value', [width, width]],
            ['attention.output.dense', [width, width]],
            ['attention.output.LayerNorm', [width]],
            ['intermediate.dense', [feedForward, width]],
            ['output.dense', [width, feedForward]],
            ['output.LayerNorm', [width]],
          ] as [string, number[]][]
        ).flatMap(([name, shape]): TinyFolder['tensors'] => [
          [`encoder.layer.${layer}.${name}.weight`, shape],
          [`encoder.layer.${layer}.${name}.bias`, [shape[0] ?? 0]],
        ]),
      ),
    ],
    tokenizer: {
      ...wordPieceFiles(),
      'modules.json': JSON.stringify([
        { idx: 1, name: '1', path: '1_Pooling', type: 'sentence_transformers.models.Pooling' },
      ]),
      '1_Pooling/config.json': JSON.stringify({ pooling_mode_cls_token: true, pooling_mode_mean_tokens: false }),
    },
  },
} satisfies Record<string, TinyFolder>;

export type TinyFamily = keyof typeof tinyFolders;

/** Writes the folder; the same name and type give the same weights. Returns them as stored, by name. */
export async function writeTinyFolder(
  directory: string,
  folder: TinyFolder,
  dtype: FloatType = 'F32',
): Promise<Map<string, Uint8Array>> {
  await mkdir(directory, { recursive: true });
  await writeFile(path.join(directory, 'config.json'), JSON.stringify(folder.config));
  for (const [name, content] of Object.entries(folder.tokenizer)) {
    await mkdir(path.dirname(path.join(directory, name)), { recursive: true });
    await writeFile(path.join(directory, name), content);
  }
  const weights = new Map<string, Uint8Array>();
  const sources = folder.tensors.map(([name, shape], index) => {
    weights.set(name, encodeTensor(dtype, randomTensor(name, shape, index + 1)));
    return { name, dtype, shape, data: () => weights.get(name)! };
  });
  if (!folder.shards) await writeSafetensors(path.join(directory, 'model.safetensors'), sources);
  else {
    const part = (index: number): string => `model-0000${index + 1}-of-0000${folder.shards}.safetensors`;
    const shard = (index: number): number => index % (folder.shards ?? 1);
    for (let index = 0; index < folder.shards; index++)
      await writeSafetensors(
        path.join(directory, part(index)),
        sources.filter((_, at) => shard(at) === index),
      );
    const places = Object.fromEntries(sources.map(({ name }, index) => [name, part(shard(index))]));
    await writeFile(
      path.join(directory, 'model.safetensors.index.json'),
      JSON.stringify({ metadata: {}, weight_map: places }),
    );
  }
  return weights;
}

/** Uniform numbers of a scale that keeps activations near one; norms are near what leaves numbers as they are. */
function randomTensor(name: string, shape: readonly number[], seed: number): Float32Array {
  let state = Math.imul(seed, 0x9e3779b1) >>> 0;
  const uniform = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  };
  const count = shape.reduce((product, extent) => product * extent, 1);
  const scale = shape.length > 1 ? 1 / Math.sqrt(shape.at(-1) ?? 1) : 0.1;
  const centre = /norm|ln_|LayerNorm/.test(name) && name.endsWith('weight') ? 1 : 0;
  return Float32Array.from({ length: count }, () => centre + scale * uniform());
}
