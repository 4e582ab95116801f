import { z } from 'zod';

/** A field whose meaning cannot be had here: ignoring it would give something else than was asked for. */
export const notHere = (why: string) => z.null({ error: `is not supported: ${why}` }).optional();

const penalty = z.number().min(-2).max(2).nullish();
const tokenId = z.int().min(0).max(0x7fff_ffff);
const stop = z.string().min(1).max(1024);
const MOST_STOPS = 16;

/** What chat and plain completions take alike. */
export const samplingFields = {
  model: z.string().min(1).max(500),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  presence_penalty: penalty,
  frequency_penalty: penalty,
  seed: z.int().nullish(),
  stop: z.union([stop, z.array(stop).max(MOST_STOPS)]).nullish(),
  logit_bias: z.record(z.string().regex(/^\d{1,10}$/), z.number().min(-100).max(100)).nullish(),
  n: z.int().min(1).max(128).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
  user: z.string().max(512).nullish(),

  // What other servers of this API take besides.
  top_k: z.int().min(-1).max(1_000_000).nullish().describe('-1 or 0: all tokens'),
  min_p: z.number().min(0).max(1).nullish(),
  typical_p: z.number().gt(0).max(1).nullish(),
  repetition_penalty: z.number().gt(0).max(100).nullish(),
  repeat_penalty: z.number().gt(0).max(100).nullish().describe('The same under another name'),
  no_repeat_ngram_size: z.int().min(0).max(1024).nullish(),
  mirostat: z.literal([0, 1, 2]).nullish().describe('0: off; takes the place of the cuts'),
  mirostat_tau: z.number().min(0).max(100).nullish(),
  mirostat_eta: z.number().min(0).max(1).nullish(),
  dry_multiplier: z.number().min(0).max(100).nullish().describe('0: off'),
  dry_base: z.number().min(1).max(100).nullish(),
  dry_allowed_length: z.int().min(1).max(1000).nullish(),
  dry_sequence_breakers: z.array(z.string().min(1).max(40)).max(16).nullish(),
  xtc_probability: z.number().min(0).max(1).nullish().describe('0: off'),
  xtc_threshold: z.number().gt(0).max(1).nullish(),
  min_tokens: z.int().min(0).max(0x7fff_ffff).nullish(),
  stop_token_ids: z.array(tokenId).max(MOST_STOPS).nullish(),
  guided_json: z
    .union([z.record(z.string(), z.unknown()), z.string()])
    .nullish()
    .describe('A JSON schema'),
  guided_grammar: z
    .string()
    .max(1 << 18)
    .nullish()
    .describe('GBNF'),
  grammar: z
    .string()
    .max(1 << 18)
    .nullish()
    .describe('The same under another name'),
  guided_regex: notHere('give guided_grammar'),
  guided_choice: notHere('give guided_json with an enum'),
};

export type SamplingFields = z.infer<z.ZodObject<typeof samplingFields>>;

export const usageSchema = z.object({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  total_tokens: z.int(),
  prompt_tokens_details: z.object({ cached_tokens: z.int() }),
});

const tokenLogprob = { token: z.string(), logprob: z.number(), bytes: z.array(z.int()) };
export const tokenLogprobSchema = z.object({ ...tokenLogprob, top_logprobs: z.array(z.object(tokenLogprob)) });
