import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { GenerateEvent, Usage } from '@atelier/engine';
import type { z } from 'zod';
import { type CollectedChoice, totalUsage } from '../../../core/inference/collect.ts';
import { eventStream, frame } from '../../../http/event-stream.ts';
import type { completionChunkSchema, completionSchema } from '../schemas/completions.ts';
import { renderError } from './error.ts';

type Completion = z.infer<typeof completionSchema>;
type Chunk = z.infer<typeof completionChunkSchema>;
type Delta = Chunk['choices'][number]['delta'];

/** What the answers of one request have in common. `prefix`: how the caller said that they begin. */
export type Head = { id: string; created: number; model: string; prefix: string; maxTokens: number | undefined };

export function newHead(model: string, prefix = '', maxTokens?: number): Head {
  return { id: randomUUID().replaceAll('-', ''), created: Math.floor(Date.now() / 1000), model, prefix, maxTokens };
}

export function completion(
  { prefix, maxTokens, ...head }: Head,
  { choices, usage }: { choices: readonly CollectedChoice[]; usage: Usage },
): Completion {
  return {
    ...head,
    object: 'chat.completion',
    usage: wireUsage(usage),
    choices: choices.map(({ text, calls, reason, usage: own }, index) => ({
      index,
      message: {
        role: 'assistant',
        content: prefix + text,
        tool_calls: calls.length === 0 ? null : calls.map((call, at) => wireCall(call, at)),
        prefix: false,
      },
      // An end that nobody asked for is that of the context.
      finish_reason: reason === 'length' && own.completionTokens !== maxTokens ? 'model_length' : reason,
    })),
  };
}

/** A generation as server-sent events without names, `[DONE]` after the last. */
export function completionStream(
  { prefix, id, created, model }: Head,
  choices: number,
  first: IteratorResult<GenerateEvent, void>,
  rest: AsyncGenerator<GenerateEvent, void, void>,
): Readable {
  const usages: Usage[] = [];
  let begun = false;
  const chunk = (index: number, delta: Delta, reason: Chunk['choices'][number]['finish_reason'] = null): Chunk => ({
    id,
    created,
    model,
    object: 'chat.completion.chunk',
    choices: [{ index, delta, finish_reason: reason }],
  });
  function* frames(event: GenerateEvent): Iterable<string> {
    if (!begun) {
      begun = true;
      for (let index = 0; index < choices; index++) yield frame(chunk(index, { role: 'assistant', content: prefix }));
    }
    switch (event.type) {
      case 'text':
        yield frame(chunk(event.choice, { content: event.text }));
        break;
      case 'tool_call':
        yield frame(
          chunk(event.choice, {
            content: '',
            tool_calls: [wireCall({ name: '', arguments: '', ...event }, event.index)],
          }),
        );
        break;
      case 'finish':
        usages.push(event.usage);
        yield frame({
          ...chunk(event.choice, { content: '' }, event.reason),
          ...(usages.length === choices && { usage: wireUsage(totalUsage(usages)) }),
        });
        break;
      case 'reasoning':
        break;
    }
  }
  return eventStream({
    first,
    rest,
    frames,
    end: () => ['data: [DONE]\n\n'],
    error: (error) => frame(renderError(error).body),
  });
}

function wireCall(call: { id: string; name: string; arguments: string }, index: number) {
  const { id, name } = call;
  return { id, type: 'function' as const, function: { name, arguments: call.arguments }, index };
}

export function wireUsage({ promptTokens, completionTokens }: Usage) {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  };
}
