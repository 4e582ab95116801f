import type { GgufValue } from '@atelier/llama/gguf';
import { chatTemplate } from './chat-template.ts';
import { preTokenizer } from './pre-tokens.ts';
import { specialTokenId, specialTokens, type SpecialToken } from './special-tokens.ts';
import type { Tokenizer } from './tokenizer.ts';

/** GGUF's kinds of tokens that this tokenizer has. */
const tokenTypes = { normal: 1, control: 3 };

/** The metadata entries by which libllama builds this tokenizer, its special tokens and its chat template. */
export function tokenizerMetadata(tokenizer: Tokenizer): [key: string, value: GgufValue][] {
  const id = (token: SpecialToken): GgufValue => ({ type: 'UINT32', value: specialTokenId(token) });
  const types = tokenizer.tokens.map((_, i) => (i < specialTokens.length ? tokenTypes.control : tokenTypes.normal));
  return [
    ['tokenizer.ggml.model', { type: 'STRING', value: 'gpt2' }],
    ['tokenizer.ggml.pre', { type: 'STRING', value: preTokenizer }],
    ['tokenizer.ggml.tokens', { type: 'ARRAY', items: 'STRING', value: tokenizer.tokens }],
    ['tokenizer.ggml.token_type', { type: 'ARRAY', items: 'INT32', value: types }],
    ['tokenizer.ggml.merges', { type: 'ARRAY', items: 'STRING', value: tokenizer.merges }],
    ['tokenizer.ggml.bos_token_id', id('<|endoftext|>')],
    ['tokenizer.ggml.eos_token_id', id('<|im_end|>')],
    ['tokenizer.ggml.eot_token_id', id('<|im_end|>')],
    ['tokenizer.ggml.padding_token_id', id('<|endoftext|>')],
    ['tokenizer.ggml.fim_pre_token_id', id('<|fim_prefix|>')],
    ['tokenizer.ggml.fim_suf_token_id', id('<|fim_suffix|>')],
    ['tokenizer.ggml.fim_mid_token_id', id('<|fim_middle|>')],
    ['tokenizer.ggml.add_bos_token', { type: 'BOOL', value: false }],
    ['tokenizer.ggml.add_eos_token', { type: 'BOOL', value: false }],
    ['tokenizer.chat_template', { type: 'STRING', value: chatTemplate }],
  ];
}
