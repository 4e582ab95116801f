import { Readable } from 'node:stream';
import type { GenerateEvent } from '@atelier/engine';
import { AtelierError, isAtelierError } from '@atelier/errors';
import type { z } from 'zod';
import type { chatChunkSchema } from '../schemas/inference.ts';
import { renderError } from './error.ts';

type Chunk = z.infer<typeof chatChunkSchema>;

/**
 * A generation as server-sent events, `first` being its first event. Leaving the stream stops the generation. The stream
 * itself never fails: once it has begun, an error can only be told as an event.
 */
export function chatStream(
  id: string,
  first: IteratorResult<GenerateEvent, void>,
  rest: AsyncGenerator<GenerateEvent, void, void>,
): Readable {
  async function* frames(): AsyncGenerator<string> {
    try {
      if (first.done !== true) yield frame(chunk(id, first.value));
      for await (const event of rest) yield frame(chunk(id, event));
      yield 'data: [DONE]\n\n';
    } catch (thrown) {
      yield frame(
        renderError(isAtelierError(thrown) ? (thrown as AtelierError) : new AtelierError('internal', {}, thrown)).body,
      );
    } finally {
      await rest.return();
    }
  }
  return Readable.from(frames(), { objectMode: false });
}

function chunk(id: string, event: GenerateEvent): Chunk {
  return event.type === 'text' ? { id, response: event.text } : { id, response: '', finish_reason: event.reason };
}

const frame = (data: unknown): string => `data: ${JSON.stringify(data)}\n\n`;
