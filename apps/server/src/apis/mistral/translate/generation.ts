import type { GenerateRequest } from '@atelier/engine';
import { AtelierError } from '@atelier/errors';
import type { z } from 'zod';
import type { ChatRequest, fimRequestSchema } from '../schemas/completions.ts';
import { conversation } from './chat-messages.ts';

export type Generation = Omit<GenerateRequest, 'model' | 'owner'>;

/** Where a request says nothing; the hosted models' own lie between 0 and 0.7. */
export const defaultTemperature = 0.3;
/** Seeds of the engine have 32 bits. */
const seeds = 0xffff_ffff;

type Sampled = { temperature?: number | null | undefined; top_p?: number; random_seed?: number | null | undefined };

export function sampling({ temperature, top_p = 1, random_seed }: Sampled): NonNullable<Generation['sampling']> {
  return {
    temperature: temperature ?? defaultTemperature,
    // Nothing but the likeliest token is in a share of 0.
    ...(top_p === 0 ? { topK: 1 } : { topP: top_p }),
    ...(typeof random_seed === 'number' && { seed: random_seed % seeds }),
  };
}

export function limits({ max_tokens, stop }: Pick<ChatRequest, 'max_tokens' | 'stop'>): Partial<Generation> {
  return {
    ...(max_tokens && { maxTokens: max_tokens }),
    ...(stop !== undefined && { stop: [stop].flat() }),
  };
}

/** @throws AtelierError `message_order`, `invalid_request` */
export function chatGeneration(body: ChatRequest): Generation {
  const { messages, prefix } = conversation(body.messages, body.safe_prompt);
  const choice = body.tool_choice;
  const tools = body.tools ?? [];
  return {
    input: { kind: 'chat', messages, ...(tools.length > 0 && { tools }), ...(prefix !== undefined && { prefix }) },
    ...limits(body),
    choices: body.n ?? 1,
    reasoning: 'apart',
    sampling: {
      ...sampling(body),
      presencePenalty: body.presence_penalty,
      frequencyPenalty: body.frequency_penalty,
    },
    ...(tools.length > 0 && {
      toolChoice: typeof choice === 'string' ? choice : { name: choice.function.name },
      parallelToolCalls: body.parallel_tool_calls,
    }),
    ...(body.response_format && { responseFormat: responseFormat(body.response_format) }),
  };
}

/** @throws AtelierError `invalid_request` when it says json_schema and brings none */
export function responseFormat({
  type,
  json_schema,
}: NonNullable<ChatRequest['response_format']>): NonNullable<Generation['responseFormat']> {
  if (type !== 'json_schema') return { type };
  if (!json_schema) throw new AtelierError('invalid_request', { reason: 'response_format: json_schema is missing' });
  return { type, schema: json_schema.schema };
}

export function fimGeneration(body: z.infer<typeof fimRequestSchema>): Generation {
  return {
    input: { kind: 'fim', prefix: body.prompt, suffix: body.suffix ?? '' },
    ...limits(body),
    ...(body.min_tokens && { minTokens: body.min_tokens }),
    sampling: sampling(body),
  };
}
