/** The tensors of decoders whose Hugging Face classes are shaped after Llama's. */
import type { Change, ModelShape, TensorRule } from './family.ts';

export interface DecoderLayout {
  /** Of norms: Gemma stores them as the difference from one. */
  norm?: Change;
  /** Of q and k: libllama's `llama` rotates adjacent pairs. */
  interleaved?: boolean;
  /** One norm for the queries and one for the keys of each head. */
  headNorms?: boolean;
  /** Gemma norms what a block adds as well. */
  postNorms?: boolean;
  /** Phi-3 keeps q, k and v in one matrix, gate and up in another. */
  fused?: boolean;
}

export function decoderTensors(shape: ModelShape, layout: DecoderLayout): TensorRule[] {
  const { width, feedForward, vocabulary, heads, kvHeads, headSize, biases } = shape;
  const rules: TensorRule[] = [
    { name: 'token_embd.weight', source: 'model.embed_tokens.weight', shape: [vocabulary, width] },
    norm('output_norm', 'model.norm', width),
  ];
  if (!shape.tied) rules.push({ name: 'output.weight', source: 'lm_head.weight', shape: [vocabulary, width] });
  const query = heads * headSize;
  const key = kvHeads * headSize;
  for (let layer = 0; layer < shape.layers; layer++) {
    const block = (part: string): string => `blk.${layer}.${part}`;
    const source = (part: string): string => `model.layers.${layer}.${part}`;
    const product = (
      to: string,
      from: string,
      outputs: number,
      inputs: number,
      bias: boolean,
      change?: Change,
    ): void => {
      const changed = change ? { change } : {};
      rules.push({
        name: `${block(to)}.weight`,
        source: `${source(from)}.weight`,
        shape: [outputs, inputs],
        ...changed,
      });
      if (bias) rules.push({ name: `${block(to)}.bias`, source: `${source(from)}.bias`, shape: [outputs], ...changed });
    };
    const layerNorm = (to: string, from: string, size = width): void =>
      void rules.push(norm(block(to), source(from), size));
    const pairs = (count: number): Change | undefined =>
      layout.interleaved ? { kind: 'interleave', heads: count } : undefined;

    layerNorm('attn_norm', 'input_layernorm');
    if (layout.fused) {
      product('attn_qkv', 'self_attn.qkv_proj', query + 2 * key, width, biases.qkv);
    } else {
      product('attn_q', 'self_attn.q_proj', query, width, biases.qkv, pairs(heads));
      product('attn_k', 'self_attn.k_proj', key, width, biases.qkv, pairs(kvHeads));
      product('attn_v', 'self_attn.v_proj', key, width, biases.qkv);
    }
    if (layout.headNorms) {
      layerNorm('attn_q_norm', 'self_attn.q_norm', headSize);
      layerNorm('attn_k_norm', 'self_attn.k_norm', headSize);
    }
    product('attn_output', 'self_attn.o_proj', width, query, biases.output);
    if (layout.postNorms) {
      layerNorm('post_attention_norm', 'post_attention_layernorm');
      layerNorm('ffn_norm', 'pre_feedforward_layernorm');
      layerNorm('post_ffw_norm', 'post_feedforward_layernorm');
    } else {
      layerNorm('ffn_norm', 'post_attention_layernorm');
    }
    if (layout.fused) {
      product('ffn_up', 'mlp.gate_up_proj', 2 * feedForward, width, biases.feedForward);
    } else {
      product('ffn_gate', 'mlp.gate_proj', feedForward, width, biases.feedForward);
      product('ffn_up', 'mlp.up_proj', feedForward, width, biases.feedForward);
    }
    product('ffn_down', 'mlp.down_proj', width, feedForward, biases.feedForward);
  }
  return rules;

  function norm(to: string, from: string, size: number): TensorRule {
    return {
      name: `${to}.weight`,
      source: `${from}.weight`,
      shape: [size],
      ...(layout.norm ? { change: layout.norm } : {}),
    };
  }
}

/** Folders saved from the bare model leave out `model.`. */
export function decoderName(name: string): string {
  return /^(layers|embed_tokens|norm)\./.test(name) ? `model.${name}` : name;
}
