import type { Readable } from 'node:stream';
import type { GenerateEvent, TokenLogprob, Usage } from '@atelier/engine';
import type { z } from 'zod';
import { type CollectedChoice, totalUsage } from '../../../core/inference/collect.ts';
import { eventStream, frame } from '../../../http/event-stream.ts';
import type { chatChunkSchema, chatCompletionSchema } from '../schemas/chat.ts';
import { renderError } from './error.ts';
import { type Head, wireLogprob, wireUsage } from './usage.ts';

type Chunk = z.infer<typeof chatChunkSchema>;
type Delta = Chunk['choices'][number]['delta'];

export function chatCompletion(
  head: Head,
  { choices, usage }: { choices: readonly CollectedChoice[]; usage: Usage },
  logprobs: boolean,
): z.infer<typeof chatCompletionSchema> {
  return {
    ...head,
    object: 'chat.completion',
    choices: choices.map((choice, index) => ({
      index,
      message: {
        role: 'assistant',
        content: choice.text === '' && choice.calls.length > 0 ? null : choice.text,
        refusal: null,
        ...(choice.reasoning !== '' && { reasoning_content: choice.reasoning }),
        ...(choice.calls.length > 0 && {
          tool_calls: choice.calls.map(({ id, ...called }) => ({ id, type: 'function' as const, function: called })),
        }),
      },
      logprobs: logprobs ? wireLogprobs(choice.logprobs) : null,
      finish_reason: choice.reason,
    })),
    usage: wireUsage(usage),
  };
}

function wireLogprobs(logprobs: readonly TokenLogprob[]) {
  return { content: logprobs.map(wireLogprob), refusal: null };
}

/** A generation as server-sent events without names, `[DONE]` after the last. */
export function chatStream(
  head: Head,
  { choices, includeUsage, logprobs }: { choices: number; includeUsage: boolean; logprobs: boolean },
  first: IteratorResult<GenerateEvent, void>,
  rest: AsyncGenerator<GenerateEvent, void, void>,
): Readable {
  const usages: Usage[] = [];
  let begun = false;
  const chunk = (index: number, delta: Delta, more: Partial<Chunk['choices'][number]> = {}): Chunk => ({
    ...head,
    object: 'chat.completion.chunk',
    choices: [{ index, delta, logprobs: null, finish_reason: null, ...more }],
    ...(includeUsage && { usage: null }),
  });
  function* chunks(event: GenerateEvent): Iterable<Chunk> {
    if (!begun) {
      begun = true;
      for (let index = 0; index < choices; index++) yield chunk(index, { role: 'assistant', content: '' });
    }
    switch (event.type) {
      case 'text':
        yield chunk(
          event.choice,
          { content: event.text },
          { logprobs: logprobs && event.logprobs ? wireLogprobs(event.logprobs) : null },
        );
        break;
      case 'reasoning':
        yield chunk(event.choice, { reasoning_content: event.text });
        break;
      case 'tool_call':
        yield chunk(event.choice, { tool_calls: [callDelta(event)] });
        break;
      case 'finish':
        usages.push(event.usage);
        yield chunk(event.choice, {}, { finish_reason: event.reason });
        if (includeUsage && usages.length === choices)
          yield {
            ...head,
            object: 'chat.completion.chunk',
            choices: [],
            usage: wireUsage(totalUsage(usages)),
          };
        break;
    }
  }
  return eventStream({
    first,
    rest,
    *frames(event) {
      for (const each of chunks(event)) yield frame(each);
    },
    end: () => ['data: [DONE]\n\n'],
    error: (error) => frame(renderError(error).body),
  });
}

function callDelta(event: Extract<GenerateEvent, { type: 'tool_call' }>) {
  const { index } = event;
  if ('arguments' in event) return { index, function: { arguments: event.arguments } };
  return { index, id: event.id, type: 'function' as const, function: { name: event.name, arguments: '' } };
}
