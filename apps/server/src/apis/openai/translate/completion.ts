import type { Readable } from 'node:stream';
import type { GenerateEvent, GenerateRequest, TokenLogprob, Usage } from '@atelier/engine';
import { AtelierError } from '@atelier/errors';
import type { z } from 'zod';
import { collectGeneration } from '../../../core/inference/collect.ts';
import { eventStream, frame } from '../../../http/event-stream.ts';
import type { CompletionRequest, completionSchema } from '../schemas/completions.ts';
import { renderError } from './error.ts';
import { type Generation, limits } from './generation.ts';
import { type Head, wireUsage } from './usage.ts';

type Completion = z.infer<typeof completionSchema>;
type Input = GenerateRequest['input'];

/** As many tokens as the hosted API gives where nothing is said. */
const defaultMaxTokens = 16;

/** One generation for each prompt. @throws AtelierError `invalid_request` for what cannot be had together */
export function completionGenerations(body: CompletionRequest): { echo: string; generation: Generation }[] {
  const choices = body.n ?? 1;
  if ((body.best_of ?? choices) !== choices) throw invalid('best_of: has to be n');
  if (body.echo && typeof body.logprobs === 'number') throw invalid('logprobs: cannot be given of an echoed prompt');
  return inputs(body).map((input) => ({
    echo: body.echo ? echoed(input) : '',
    generation: {
      ...limits(body, body.max_tokens ?? defaultMaxTokens),
      input,
      ...(typeof body.logprobs === 'number' && { logprobs: body.logprobs }),
    },
  }));
}

function inputs({ prompt, suffix }: CompletionRequest): Input[] {
  const prompts: readonly (string | number[])[] =
    typeof prompt === 'string' ? [prompt] : isTokens(prompt) ? [prompt] : prompt;
  return prompts.map((each): Input => {
    if (typeof each !== 'string') {
      if (suffix) throw invalid('suffix: is for prompts of text');
      return { kind: 'tokens', tokens: each };
    }
    return suffix ? { kind: 'fim', prefix: each, suffix } : { kind: 'text', text: each };
  });
}

function isTokens(prompt: readonly (string | number | number[])[]): prompt is number[] {
  return typeof prompt[0] === 'number';
}

function echoed(input: Input): string {
  if (input.kind === 'text') return input.text;
  if (input.kind === 'fim') return input.prefix;
  throw invalid('echo: is for prompts of text');
}

function invalid(reason: string): AtelierError {
  return new AtelierError('invalid_request', { reason });
}

type Part = Pick<GenerateEvent & { type: 'text' }, 'text' | 'logprobs'>;

function wireLogprobs(logprobs: readonly TokenLogprob[], from: number): Completion['choices'][number]['logprobs'] {
  let offset = from;
  const offsets = logprobs.map(({ text }) => {
    const at = offset;
    offset += text.length;
    return at;
  });
  return {
    tokens: logprobs.map(({ text }) => text),
    token_logprobs: logprobs.map(({ logprob }) => logprob),
    top_logprobs: logprobs.map(({ alternatives }) =>
      Object.fromEntries(alternatives.map(({ text, logprob }) => [text, logprob])),
    ),
    text_offset: offsets,
  };
}

type Run = { echo: string; events: AsyncGenerator<GenerateEvent, void, void> };
type Options = { choices: number; logprobs: boolean; includeUsage: boolean };

/** The answers to all prompts; those of one prompt stand together. */
export async function completion(head: Head, runs: readonly Run[], { logprobs }: Options): Promise<Completion> {
  const collected = await Promise.all(
    runs.map(async ({ echo, events }) => ({ echo, ...(await collectGeneration(events)) })),
  ).finally(() => {
    // Where one has failed, the others are of no use.
    for (const { events } of runs) void events.return();
  });
  const choices = collected.flatMap(({ echo, choices: each }) => each.map((choice) => ({ echo, ...choice })));
  return {
    ...head,
    object: 'text_completion',
    choices: choices.map((choice, index) => ({
      index,
      text: choice.echo + choice.text,
      logprobs: logprobs ? wireLogprobs(choice.logprobs, 0) : null,
      finish_reason: choice.reason === 'length' ? 'length' : 'stop',
    })),
    usage: wireUsage(sum(collected.map(({ usage }) => usage))),
  };
}

function sum(usages: readonly Usage[]): Usage {
  const total = (key: keyof Usage) => usages.reduce((all, usage) => all + usage[key], 0);
  return {
    promptTokens: total('promptTokens'),
    cachedTokens: total('cachedTokens'),
    completionTokens: total('completionTokens'),
  };
}

/** The answers as server-sent events, one prompt after the other. */
export async function completionStream(head: Head, runs: readonly Run[], options: Options): Promise<Readable> {
  const events = numbered(runs, options.choices);
  const offsets = new Map<number, number>();
  const usages = new Map<number, Usage>();
  const chunk = (index: number, { text, logprobs }: Part, reason: 'stop' | 'length' | null = null): Completion => {
    const from = offsets.get(index) ?? 0;
    offsets.set(index, from + text.length);
    return {
      ...head,
      object: 'text_completion',
      choices: [
        {
          index,
          text,
          logprobs: options.logprobs && logprobs ? wireLogprobs(logprobs, from) : null,
          finish_reason: reason,
        },
      ],
      ...(options.includeUsage && { usage: null }),
    };
  };
  return eventStream({
    first: await events.next(),
    rest: events,
    *frames({ index, event }) {
      if (event.type === 'text') yield frame(chunk(index, event));
      if (event.type !== 'finish') return;
      usages.set(index, { ...event.usage, ...(event.choice > 0 && { promptTokens: 0, cachedTokens: 0 }) });
      yield frame(chunk(index, { text: '' }, event.reason === 'length' ? 'length' : 'stop'));
    },
    *end() {
      if (options.includeUsage)
        yield frame({ ...head, object: 'text_completion', choices: [], usage: wireUsage(sum([...usages.values()])) });
      yield 'data: [DONE]\n\n';
    },
    error: (error) => frame(renderError(error).body),
  });
}

async function* numbered(
  runs: readonly Run[],
  choices: number,
): AsyncGenerator<{ index: number; event: GenerateEvent }, void, void> {
  for (const [prompt, { echo, events }] of runs.entries()) {
    const begun = new Set<number>();
    for await (const event of events) {
      const index = prompt * choices + event.choice;
      if (echo !== '' && !begun.has(index)) yield { index, event: { type: 'text', choice: event.choice, text: echo } };
      begun.add(index);
      yield { index, event };
    }
  }
}
