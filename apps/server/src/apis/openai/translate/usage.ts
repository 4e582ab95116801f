import { randomUUID } from 'node:crypto';
import type { TokenLogprob, Usage } from '@atelier/engine';
import type { z } from 'zod';
import type { tokenLogprobSchema, usageSchema } from '../schemas/sampling.ts';

/** What the parts of one answer have in common. */
export type Head = { id: string; created: number; model: string; system_fingerprint: string };

/** Changes when the same seed may give another text. */
const fingerprint = 'fp_atelier';

export function newHead(prefix: 'chatcmpl' | 'cmpl', model: string): Head {
  return {
    id: `${prefix}-${randomUUID().replaceAll('-', '')}`,
    created: Math.floor(Date.now() / 1000),
    model,
    system_fingerprint: fingerprint,
  };
}

export function wireUsage({ promptTokens, completionTokens, cachedTokens }: Usage): z.infer<typeof usageSchema> {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
  };
}

export function wireLogprob({ alternatives, ...chosen }: TokenLogprob): z.infer<typeof tokenLogprobSchema> {
  return { ...candidate(chosen), top_logprobs: alternatives.map(candidate) };
}

function candidate({ text, logprob, bytes }: Omit<TokenLogprob, 'alternatives'>) {
  return { token: text, logprob, bytes };
}
