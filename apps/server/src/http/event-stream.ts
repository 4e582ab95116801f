import { Readable } from 'node:stream';
import { AtelierError, isAtelierError } from '@atelier/errors';

export type EventStream<T> = {
  /** The first event: got before the answer began, so that what goes wrong until then is an error with its own status. */
  first: IteratorResult<T, void>;
  rest: AsyncGenerator<T, void, void>;
  /** The frames of one event. */
  frames: (event: T) => Iterable<string>;
  /** What follows the last event. */
  end?: () => Iterable<string>;
  error: (error: AtelierError) => string;
};

/**
 * Events as the body of a `text/event-stream`. Leaving it stops what makes the events. The stream itself never fails: once
 * it has begun, an error can only be told as a frame.
 */
export function eventStream<T>({ first, rest, frames, end, error }: EventStream<T>): Readable {
  async function* text(): AsyncGenerator<string> {
    try {
      if (first.done !== true) yield* frames(first.value);
      for await (const event of rest) yield* frames(event);
      if (end) yield* end();
    } catch (thrown) {
      yield error(isAtelierError(thrown) ? (thrown as AtelierError) : new AtelierError('internal', {}, thrown));
    } finally {
      await rest.return();
    }
  }
  return Readable.from(text(), { objectMode: false });
}

/** A frame of server-sent events that carries `data` as JSON, with the name of the event where the API gives them names. */
export function frame(data: unknown, name?: string): string {
  return `${name === undefined ? '' : `event: ${name}\n`}data: ${JSON.stringify(data)}\n\n`;
}
