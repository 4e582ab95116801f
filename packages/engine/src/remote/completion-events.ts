/** Chunks of OpenAI's streams, of chats and of completions, as what a generation gives. */
import { z } from 'zod';
import type { FinishReason, GenerateEvent, TokenLogprob, Usage } from '../generate-event.ts';
import { callId } from '../tools/call-id.ts';
import { failed } from './failure.ts';

const text = z.string().nullish();
const count = z.int().min(0);

const candidateSchema = z.object({
  id: count.optional(),
  token: z.string(),
  bytes: z.array(z.int().min(0).max(255)).nullish(),
  logprob: z.number().nullish(),
});

const logprobsSchema = z.union([
  /** Of chats, and of llama-server's completions. */
  z.object({ content: z.array(candidateSchema.extend({ top_logprobs: z.array(candidateSchema).nullish() })) }),
  /** Of completions: lists side by side. */
  z.object({
    tokens: z.array(z.string()),
    token_logprobs: z.array(z.number().nullable()),
    top_logprobs: z.array(z.record(z.string(), z.number()).nullable()).nullish(),
  }),
]);

const chunkSchema = z.object({
  choices: z
    .array(
      z.object({
        index: count.default(0),
        text,
        delta: z
          .object({
            content: text,
            /** The first is DeepSeek's and llama-server's word, the second that of newer vLLM. */
            reasoning_content: text,
            reasoning: text,
            tool_calls: z
              .array(
                z.object({
                  index: count.default(0),
                  id: text,
                  function: z.object({ name: text, arguments: text }).nullish(),
                }),
              )
              .nullish(),
          })
          .nullish(),
        logprobs: logprobsSchema.nullish().catch(undefined),
        finish_reason: text,
        stop_reason: z.union([z.string(), z.number()]).nullish(),
      }),
    )
    .default([]),
  usage: z
    .object({
      prompt_tokens: count,
      completion_tokens: count.default(0),
      prompt_tokens_details: z.object({ cached_tokens: count.nullish() }).nullish(),
    })
    .nullish(),
});
type Choice = z.output<typeof chunkSchema>['choices'][number];

const finishReasons: Record<string, FinishReason | 'tool_calls'> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'tool_calls',
  function_call: 'tool_calls',
};

export type CompletionOptions = {
  service: string;
  choices: number;
  alternatives: number;
  seed: number | undefined;
  /** Called with the first chunk: from there on the text is under way. */
  begun: () => void;
};

/**
 * The other side counts the tokens of all choices together, so where there are several the first one's usage has them all.
 * Throws `Failure` for what is no such stream, and for one without an end.
 */
export async function* completionEvents(
  data: AsyncIterable<string>,
  { service, choices, alternatives, seed, begun }: CompletionOptions,
): AsyncGenerator<GenerateEvent, void, void> {
  const finishes = new Map<number, { reason: FinishReason | 'tool_calls'; stop?: string | number }>();
  const calls = new Map<string, string>();
  let usage: Usage | undefined;
  let underWay = false;
  for await (const line of data) {
    underWay = true;
    begun();
    if (line.trim() === '[DONE]') break;
    const chunk = chunkIn(line, service);
    if (chunk.usage) {
      const { prompt_tokens: promptTokens, completion_tokens: completionTokens, prompt_tokens_details } = chunk.usage;
      usage = { promptTokens, completionTokens, cachedTokens: prompt_tokens_details?.cached_tokens ?? 0 };
    }
    for (const choice of chunk.choices) {
      if (choice.index >= choices) throw failed(service, 'it answered with more choices than were asked for');
      yield* eventsOf(choice, alternatives, calls, seed);
      const { index, finish_reason: reason, stop_reason: stop } = choice;
      if (reason == null) continue;
      if (!Object.hasOwn(finishReasons, reason)) throw failed(service, `it ended the text with ${reason}`);
      finishes.set(index, { reason: finishReasons[reason]!, ...(stop != null && { stop }) });
    }
  }
  if (finishes.size < choices) throw failed(service, 'the answer broke off', { again: !underWay });
  if (!usage) throw failed(service, 'it does not say how many tokens the answer has');
  for (const [choice, finish] of [...finishes].sort(([a], [b]) => a - b))
    yield { type: 'finish', choice, ...finish, usage: choice === 0 ? usage : { ...usage, completionTokens: 0 } };
}

function chunkIn(line: string, service: string): z.output<typeof chunkSchema> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw failed(service, 'its answer is no JSON');
  }
  const problem = (value as { error?: { message?: unknown } | null } | null)?.error;
  if (problem) throw failed(service, typeof problem.message === 'string' ? problem.message : 'it reports an error');
  const parsed = chunkSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  throw failed(service, `its answer is not a completion (${path.join('.')}: ${message})`);
}

function* eventsOf(
  { index: choice, text: plain, delta, logprobs }: Choice,
  alternatives: number,
  calls: Map<string, string>,
  seed: number | undefined,
): Generator<GenerateEvent> {
  const content = plain ?? delta?.content ?? '';
  const reasoning = delta?.reasoning_content ?? delta?.reasoning ?? '';
  const told = logprobs ? tokenLogprobs(logprobs, alternatives) : [];
  const ofText = content !== '' || reasoning === '';
  const withLogprobs = (wanted: boolean) => (wanted && told.length > 0 ? { logprobs: told } : {});
  if (reasoning !== '') yield { type: 'reasoning', choice, text: reasoning, ...withLogprobs(!ofText) };
  if (content !== '' || (ofText && told.length > 0))
    yield { type: 'text', choice, text: content, ...withLogprobs(true) };
  for (const { index, id, function: part } of delta?.tool_calls ?? []) {
    const key = `${choice} ${index}`;
    let callOf = calls.get(key);
    if (callOf === undefined && part?.name != null) {
      callOf = id ?? callId(seed, choice, index);
      calls.set(key, callOf);
      yield { type: 'tool_call', choice, index, id: callOf, name: part.name };
    }
    if (callOf !== undefined && part?.arguments)
      yield { type: 'tool_call', choice, index, id: callOf, arguments: part.arguments };
  }
}

const encoder = new TextEncoder();
/** What stands for minus infinity, which JSON has not. */
const leastLogprob = -9999;

function tokenLogprobs(told: z.output<typeof logprobsSchema>, alternatives: number): TokenLogprob[] {
  if ('content' in told)
    return told.content.map(({ top_logprobs: others, ...token }) => ({
      ...candidate(token),
      alternatives: (others ?? []).slice(0, alternatives).map(candidate),
    }));
  return told.tokens.map((token, at) => ({
    ...candidate({ token, logprob: told.token_logprobs[at] }),
    alternatives: Object.entries(told.top_logprobs?.[at] ?? {})
      .sort(([, a], [, b]) => b - a)
      .slice(0, alternatives)
      .map(([other, logprob]) => candidate({ token: other, logprob })),
  }));
}

function candidate({
  id,
  token,
  bytes,
  logprob,
}: z.output<typeof candidateSchema>): Omit<TokenLogprob, 'alternatives'> {
  return {
    ...(id !== undefined && { token: id }),
    text: token,
    bytes: bytes ?? [...encoder.encode(token)],
    logprob: Math.max(leastLogprob, logprob ?? leastLogprob),
  };
}
