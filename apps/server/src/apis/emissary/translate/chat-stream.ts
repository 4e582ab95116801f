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
    frames: (event) => chunks(id, event).map((each) => frame(each)),
    end: () => ['data: [DONE]\n\n'],
    error: (error) => frame(renderError(error).body),
  });
}

/** This API has no tools and no thoughts of their own. */
function chunks(id: string, event: GenerateEvent): Chunk[] {
  if (event.type === 'finish')
    return [{ id, response: '', finish_reason: event.reason === 'length' ? 'length' : 'stop' }];
  return event.type === 'text' ? [{ id, response: event.text }] : [];
}
