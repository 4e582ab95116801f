import type { Readable } from 'node:stream';
import type { GenerateEvent } from '@atelier/engine';
import type { z } from 'zod';
import { eventStream, frame } from '../../../http/event-stream.ts';
import type { chatChunkSchema } from '../schemas/inference.ts';
import { renderError } from './error.ts';

type Chunk = z.infer<typeof chatChunkSchema>;

/** A generation as server-sent events, `first` being its first event. */
export function chatStream(
  id: string,
  first: IteratorResult<GenerateEvent, void>,
  rest: AsyncGenerator<GenerateEvent, void, void>,
): Readable {
  return eventStream({
    first,
    rest,
    frames: (event) => [frame(chunk(id, event))],
    end: () => ['data: [DONE]\n\n'],
    error: (error) => frame(renderError(error).body),
  });
}

function chunk(id: string, event: GenerateEvent): Chunk {
  return event.type === 'finish' ? { id, response: '', finish_reason: event.reason } : { id, response: event.text };
}
