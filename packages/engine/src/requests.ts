import { AtelierError } from '@atelier/errors';
import { abortable, cancellation } from './abortable.ts';
import { EventBuffer } from './event-buffer.ts';
import type { GenerateEvent } from './generate-event.ts';
import { maxBufferedBytes } from './limits.ts';
import type { AdapterRef, GenerateCommand, TokenizeCommand } from './protocol.ts';
import type { Listener, RunnerProcess } from './runner-process.ts';
import type { TokenCount } from './tokenize-request.ts';

/** Runs one generation in a runner; leaving the loop or aborting ends it there. */
export async function* streamFrom(
  runner: RunnerProcess,
  request: Omit<GenerateCommand, 'type' | 'id'>,
  signal: AbortSignal,
): AsyncGenerator<GenerateEvent, void, void> {
  if (signal.aborted) throw cancellation(signal);
  const buffer = new EventBuffer(maxBufferedBytes, request.choices);
  const cancel = runner.request({ type: 'generate', ...request }, (outcome) => {
    if (!eventsOf(outcome).every((event) => buffer.push(event))) {
      cancel();
      buffer.fail(new AtelierError('cancelled', { reason: 'the text was not taken in time' }));
    }
    const { choice = 0, finish, error } = outcome;
    if (error) buffer.fail(error);
    if (finish) {
      const { reason, stop, ...usage } = finish;
      buffer.finish({ type: 'finish', choice, reason, ...(stop !== undefined && { stop }), usage });
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

function eventsOf({ choice = 0, reasoning, text, logprobs }: Parameters<Listener>[0]) {
  const events: Extract<GenerateEvent, { text: string }>[] = [];
  const last = text === undefined && reasoning !== undefined ? 'reasoning' : 'text';
  const add = (type: 'reasoning' | 'text', value: string) =>
    events.push({ type, choice, text: value, ...(type === last && logprobs && { logprobs }) });
  if (reasoning !== undefined) add('reasoning', reasoning);
  if (text !== undefined || (logprobs && last === 'text')) add('text', text ?? '');
  return events;
}

/** Has a runner make the context that requests with this adapter, or without one, will need. */
export async function prepare(
  runner: RunnerProcess,
  adapter: AdapterRef | undefined,
  signal: AbortSignal,
): Promise<void> {
  await answerTo(runner, { type: 'prepare', adapter }, signal);
}

/** Has a runner count the tokens of a prompt. */
export async function tokenize(
  runner: RunnerProcess,
  request: Omit<TokenizeCommand, 'type' | 'id'>,
  signal: AbortSignal,
): Promise<TokenCount> {
  const { tokenized } = await answerTo(runner, { type: 'tokenize', ...request }, signal);
  return tokenized!;
}

/** The one answer to a request that is no generation. */
async function answerTo(
  runner: RunnerProcess,
  request: Parameters<RunnerProcess['request']>[0],
  signal: AbortSignal,
): Promise<Parameters<Listener>[0]> {
  if (signal.aborted) throw cancellation(signal);
  const answer = Promise.withResolvers<Parameters<Listener>[0]>();
  const cancel = runner.request(request, (outcome) =>
    outcome.error ? answer.reject(outcome.error) : answer.resolve(outcome),
  );
  try {
    return await abortable(answer.promise, signal);
  } finally {
    cancel();
  }
}
