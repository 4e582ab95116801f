/** What each kind of server understands beyond the fields that all of them have, and by which words. */
import type { z } from 'zod';
import type { samplingSchema } from '../generate-request.ts';
import type { RemoteKind } from './remote-service.ts';

type Sampling = z.output<typeof samplingSchema>;
export type SamplingField = keyof Sampling;

/** The fields that say something in a body. What is said is always said, since servers have defaults of their own. */
type Words = { [F in SamplingField]?: (value: Sampling[F]) => object };

export type Dialect = {
  sampling: Words;
  minTokens: boolean;
  stopTokens: boolean;
  /** A text that obeys a grammar in GBNF. */
  grammar?: (gbnf: string) => object;
  /** That the last message is the beginning of the answer. */
  prefix?: object;
  /** Whether thought comes apart from the text. */
  reasoning?: (how: 'inline' | 'apart') => object;
  /** The rest of a hole's prefix is generated with its suffix in view. */
  suffix: boolean;
  /** For LoRA adapters: a name of its own as the model, or a field of the request. */
  adapters: 'model' | 'field' | 'none';
  tokenize?: 'vllm' | 'llama-server';
  rerank: boolean;
  /** Has the server cut inputs that are too long for an embedding. */
  truncate?: object;
};

/** OpenAI's own; its biases are from -100 to 100, and by token. */
const common: Words = {
  temperature: (temperature) => ({ temperature }),
  topP: (top_p) => ({ top_p }),
  seed: (seed) => (seed === undefined ? {} : { seed }),
  frequencyPenalty: (frequency_penalty) => ({ frequency_penalty }),
  presencePenalty: (presence_penalty) => ({ presence_penalty }),
  logitBias: (biases) =>
    biases.length === 0 ? {} : { logit_bias: Object.fromEntries(biases.map(({ token, bias }) => [token, bias])) },
};

/** Tokens that llama-server looks back over for repetitions: it takes no word for all of them, and sets memory aside. */
const lookBack = 65_536;

/** vLLM and SGLang take -1 for all tokens in any version. */
const extended: Words = {
  ...common,
  topK: (topK) => ({ top_k: topK === 0 ? -1 : topK }),
  minP: (min_p) => ({ min_p }),
  repeatPenalty: (repetition_penalty) => ({ repetition_penalty }),
};

export const dialects: Record<RemoteKind, Dialect> = {
  vllm: {
    sampling: extended,
    minTokens: true,
    stopTokens: true,
    grammar: (grammar) => ({ structured_outputs: { grammar } }),
    prefix: { continue_final_message: true, add_generation_prompt: false },
    suffix: false,
    adapters: 'model',
    tokenize: 'vllm',
    rerank: true,
    truncate: { truncate_prompt_tokens: -1 },
  },
  sglang: {
    sampling: extended,
    minTokens: true,
    stopTokens: true,
    prefix: { continue_final_message: true },
    reasoning: (how) => ({ separate_reasoning: how === 'apart' }),
    suffix: false,
    adapters: 'none',
    rerank: false,
  },
  'llama-server': {
    sampling: {
      ...common,
      topK: (top_k) => ({ top_k }),
      minP: (min_p) => ({ min_p }),
      typicalP: (typical_p) => ({ typical_p }),
      xtc: (xtc) => ({ xtc_probability: xtc?.probability ?? 0, ...(xtc && { xtc_threshold: xtc.threshold }) }),
      mirostat: (mirostat) =>
        mirostat
          ? { mirostat: mirostat.version, mirostat_tau: mirostat.tau, mirostat_eta: mirostat.eta }
          : { mirostat: 0 },
      repeatPenalty: (repeat_penalty) => ({ repeat_penalty, repeat_last_n: lookBack }),
      dry: (dry) =>
        dry
          ? {
              dry_multiplier: dry.multiplier,
              dry_base: dry.base,
              dry_allowed_length: dry.allowedLength,
              dry_penalty_last_n: lookBack,
              dry_sequence_breakers: dry.breakers,
            }
          : { dry_multiplier: 0 },
      logitBias: (biases) =>
        biases.length === 0 ? {} : { logit_bias: biases.map(({ token, bias }) => [token, bias]) },
    },
    minTokens: false,
    stopTokens: false,
    grammar: (grammar) => ({ grammar }),
    prefix: { continue_final_message: true, add_generation_prompt: false },
    reasoning: (how) => ({ reasoning_format: how === 'apart' ? 'deepseek' : 'none' }),
    suffix: false,
    adapters: 'field',
    tokenize: 'llama-server',
    rerank: true,
  },
  openai: { sampling: common, minTokens: false, stopTokens: false, suffix: true, adapters: 'none', rerank: false },
};

/** The order in which the engine's own steps act; llama-server has temperature last by default. */
export const llamaServerSamplers = {
  samplers: ['penalties', 'dry', 'temperature', 'top_k', 'typ_p', 'top_p', 'min_p', 'xtc'],
};

/** What a sampling field is when it does nothing; those that are not here do nothing when they are absent. */
export const neutral: { [F in SamplingField]?: Sampling[F] } = {
  topK: 0,
  topP: 1,
  minP: 0,
  typicalP: 1,
  repeatPenalty: 1,
  frequencyPenalty: 0,
  presencePenalty: 0,
  noRepeatNgramSize: 0,
};
