import { AtelierError } from '@atelier/errors';
import { abortable, cancellation } from './abortable.ts';
import type { GenerateEvent } from './engine.ts';
import { EventBuffer } from './event-buffer.ts';
import { maxBufferedBytes } from './limits.ts';
import type { AdapterRef, GenerateCommand } from './protocol.ts';
import type { RunnerProcess } from './runner-process.ts';

/** Runs one generation in a runner; leaving the loop or aborting ends it there. */
export async function* streamFrom(
  runner: RunnerProcess,
  request: Omit<GenerateCommand, 'type' | 'id'>,
  signal: AbortSignal,
): AsyncGenerator<GenerateEvent, void, void> {
  if (signal.aborted) throw cancellation(signal);
  const buffer = new EventBuffer(maxBufferedBytes);
  const cancel = runner.request({ type: 'generate', ...request }, ({ text, finish, error }) => {
    if (text !== undefined && !buffer.push(text)) {
      cancel();
      buffer.fail(new AtelierError('cancelled', { reason: 'the text was not taken in time' }));
    }
    if (error) buffer.fail(error);
    if (finish) {
      const { reason, ...usage } = finish;
      buffer.finish({ type: 'finish', reason, usage });
    }
  });
  const abort = () => {
    cancel();
    buffer.fail(cancellation(signal));
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    yield* buffer.events();
  } finally {
    signal.removeEventListener('abort', abort);
    cancel();
  }
}

/** Has a runner make the context that requests with this adapter, or without one, will need. */
export async function prepare(
  runner: RunnerProcess,
  adapter: AdapterRef | undefined,
  signal: AbortSignal,
): Promise<void> {
  const prepared = Promise.withResolvers<void>();
  const cancel = runner.request({ type: 'prepare', adapter }, ({ error }) =>
    error ? prepared.reject(error) : prepared.resolve(),
  );
  try {
    await abortable(prepared.promise, signal);
  } finally {
    cancel();
  }
}
