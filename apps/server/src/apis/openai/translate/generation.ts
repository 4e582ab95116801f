import type { GenerateRequest } from '@atelier/engine';
import { AtelierError } from '@atelier/errors';
import type { ChatRequest } from '../schemas/chat.ts';
import type { SamplingFields } from '../schemas/sampling.ts';
import { chatMessages } from './messages.ts';

export type Generation = Omit<GenerateRequest, 'model' | 'owner'>;

const defaultTemperature = 1;
/** Seeds of the engine have 32 bits. */
const seeds = 0xffff_ffff;

/** llama-server's. */
const defaultXtcThreshold = 0.1;

type Sampling = NonNullable<Generation['sampling']>;
type Sampled = Pick<SamplingFields, 'temperature' | 'top_p'> & Partial<SamplingFields>;

export function sampling(body: Sampled): Sampling {
  const repeatPenalty = body.repetition_penalty ?? body.repeat_penalty ?? 1;
  const bias = Object.entries(body.logit_bias ?? {});
  // Nothing but the likeliest token is in a share of 0.
  const topK = body.top_p === 0 ? 1 : Math.max(0, body.top_k ?? 0);
  return {
    temperature: body.temperature ?? defaultTemperature,
    topK,
    ...(body.top_p && { topP: body.top_p }),
    minP: body.min_p ?? 0,
    typicalP: body.typical_p ?? 1,
    repeatPenalty,
    presencePenalty: body.presence_penalty ?? 0,
    frequencyPenalty: body.frequency_penalty ?? 0,
    ...(typeof body.seed === 'number' && { seed: ((body.seed % seeds) + seeds) % seeds }),
    noRepeatNgramSize: body.no_repeat_ngram_size ?? 0,
    ...mirostat(body),
    ...dry(body),
    ...(body.xtc_probability && {
      xtc: { probability: body.xtc_probability, threshold: body.xtc_threshold ?? defaultXtcThreshold },
    }),
    logitBias: bias.map(([token, value]) => ({ token: Number(token), bias: value })),
  };
}

function mirostat({ mirostat: version, mirostat_tau: tau, mirostat_eta: eta }: Sampled): Pick<Sampling, 'mirostat'> {
  return version ? { mirostat: { version, tau: tau ?? undefined, eta: eta ?? undefined } } : {};
}

function dry({ dry_multiplier: multiplier, ...body }: Sampled): Pick<Sampling, 'dry'> {
  if (!multiplier) return {};
  return {
    dry: {
      multiplier,
      base: body.dry_base ?? undefined,
      allowedLength: body.dry_allowed_length ?? undefined,
      breakers: body.dry_sequence_breakers ?? undefined,
    },
  };
}

/** What a request says besides its input and its sampling. @throws AtelierError `invalid_request` */
export function limits(body: SamplingFields, maxTokens: number | null | undefined): Omit<Generation, 'input'> {
  return {
    ...(maxTokens && { maxTokens }),
    ...(body.min_tokens && { minTokens: body.min_tokens }),
    stop: [body.stop ?? []].flat(),
    stopTokens: body.stop_token_ids ?? [],
    choices: body.n ?? 1,
    sampling: sampling(body),
    ...guide(body),
  };
}

/** @throws AtelierError `invalid_request` for a schema that is no JSON */
function guide({ guided_json, guided_grammar, grammar }: SamplingFields): Pick<Generation, 'responseFormat'> {
  const gbnf = guided_grammar ?? grammar;
  if (gbnf) return { responseFormat: { type: 'gbnf', grammar: gbnf } };
  if (!guided_json) return {};
  return { responseFormat: { type: 'json_schema', schema: asSchema(guided_json) } };
}

function asSchema(given: string | Record<string, unknown>): unknown {
  if (typeof given !== 'string') return given;
  try {
    return JSON.parse(given);
  } catch (error) {
    throw new AtelierError('invalid_request', { reason: 'guided_json: is not valid JSON' }, error);
  }
}

/** @throws AtelierError `invalid_request`, `message_order` */
export function chatGeneration(body: ChatRequest): Generation {
  const { tool_choice: choice, response_format: format } = body;
  const tools = body.tools ?? [];
  return {
    ...limits(body, body.max_completion_tokens ?? body.max_tokens),
    input: { kind: 'chat', ...chatMessages(body.messages), ...(tools.length > 0 && { tools }) },
    reasoning: 'apart',
    ...(body.logprobs && { logprobs: body.top_logprobs ?? 0 }),
    ...((tools.length > 0 || choice === 'required' || typeof choice === 'object') && {
      toolChoice: typeof choice === 'object' && choice !== null ? { name: choice.function.name } : (choice ?? 'auto'),
      parallelToolCalls: body.parallel_tool_calls ?? true,
    }),
    ...(format && {
      responseFormat:
        format.type === 'json_schema'
          ? { type: format.type, schema: format.json_schema.schema }
          : { type: format.type },
    }),
  };
}
