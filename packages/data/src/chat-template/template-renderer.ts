import { AtelierError, isAtelierError } from '@atelier/errors';
import type { RenderRequest, RenderResult } from './renderer-messages.ts';
import { RendererChild } from './renderer-child.ts';
import { templateInput, type ChatTemplate, type Conversation } from './template-input.ts';

/** The longest published templates have about 30,000 characters. */
const maxTemplateLength = 1 << 18;

/** How much longer than its processor time a template may take by the clock, on a machine that is busy with other things. */
const patience = 60;

/** Conversations sent to the process at once, and how much text they may hold: small enough to finish well within the time limit. */
const maxBatch = 64;
const maxBatchLength = 1 << 18;

/** A conversation longer than this fits no model. */
const maxInputLength = 1 << 24;

export type RendererOptions = {
  /** The processor time for one conversation, or for one batch of them, before the process ends. */
  readonly timeoutMs?: number;
  /** How much longer than the conversation itself the rendered text may be. */
  readonly maxBytes?: number;
};

/**
 * Renders chat templates in a process of its own. Everything that goes wrong with a template or because of it is
 * `template_failed`; the rest is `internal`. Text comes back with special tokens in the messages broken: give it to
 * `splitSpecial` with the same special tokens.
 */
export interface TemplateRenderer extends AsyncDisposable {
  render(input: ChatTemplate & Conversation, signal?: AbortSignal): Promise<string>;
  /** Many conversations through one template; a conversation that fails gives its error in its place. */
  renderMany(
    template: ChatTemplate,
    conversations: readonly Conversation[],
    signal?: AbortSignal,
  ): Promise<(string | AtelierError)[]>;
}

/** A conversation ready to be sent, and how much text it is. */
type Prepared = { readonly input: RenderRequest['inputs'][number]; readonly length: number };
type Placed = Prepared & { readonly place: number };
type Waiting = Prepared & {
  readonly template: ChatTemplate;
  readonly signal: AbortSignal | undefined;
  readonly settle: (result: string | AtelierError) => void;
};

export function createTemplateRenderer({
  timeoutMs = 1000,
  maxBytes = 1 << 20,
}: RendererOptions = {}): TemplateRenderer {
  let child: RendererChild | undefined;
  let disposed = false;
  let nextId = 0;
  let lastTurn: Promise<unknown> = Promise.resolve();
  let waiting: Waiting[] = [];

  /** Runs after everything that was asked before: the process does one thing at a time. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = lastTurn.then(work, work);
    lastTurn = turn.catch(() => {});
    return turn;
  }

  async function ask(template: ChatTemplate, batch: readonly Prepared[]): Promise<(string | AtelierError)[]> {
    if (disposed) throw new AtelierError('shutting_down');
    if (child?.alive !== true) child = new RendererChild();
    const { bosToken, eosToken, now } = template;
    const inputs = batch.map(({ input }) => input);
    const request = {
      id: nextId++,
      template: template.template,
      bosToken,
      eosToken,
      ...(now !== undefined && { now }),
      cpuLimitMs: timeoutMs,
      inputs,
    };
    const results = await child.ask(request, timeoutMs * patience).catch((error: unknown) => {
      throw disposed ? new AtelierError('shutting_down') : error;
    });
    if (results !== undefined) return results.map(outcomeOf);
    if (disposed) throw new AtelierError('shutting_down');
    await child[Symbol.asyncDispose]();
    if (batch.length === 1) return [failure(`it took more than ${timeoutMs} ms of processor time or too much memory`)];
    // One of them did it: alone, each has the whole time, and only the guilty one fails.
    const alone: (string | AtelierError)[] = [];
    for (const one of batch) alone.push(...(await ask(template, [one])));
    return alone;
  }

  async function renderMany(
    template: ChatTemplate,
    conversations: readonly Conversation[],
    signal?: AbortSignal,
  ): Promise<(string | AtelierError)[]> {
    checkLength(template);
    const results = Array<string | AtelierError>(conversations.length);
    const sound: Placed[] = [];
    for (const [place, conversation] of conversations.entries()) {
      const prepared = prepare(template, conversation);
      if (isAtelierError(prepared)) results[place] = prepared;
      else sound.push({ ...prepared, place });
    }
    const work = async (batch: readonly Placed[]): Promise<void> => {
      if (signal?.aborted === true) throw abortError(signal);
      for (const [i, result] of (await ask(template, batch)).entries()) results[batch[i]!.place] = result;
    };
    // All are awaited even when one fails, so that no rejection goes unheard.
    const outcomes = await Promise.allSettled(batchesOf(sound).map((batch) => inTurn(() => work(batch))));
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return results;
  }

  function prepare(template: ChatTemplate, conversation: Conversation): Prepared | AtelierError {
    try {
      const input = templateInput(conversation, template.specialTokens);
      const length = textLength(input);
      if (length > maxInputLength) return failure(`the conversation has more than ${maxInputLength} characters`);
      return { input: { ...input, maxLength: length + maxBytes }, length };
    } catch (error) {
      if (isAtelierError(error)) return error;
      throw error;
    }
  }

  /** Those that come while the process is busy are asked of it together, as far as they have the same template. */
  async function renderWaiting(): Promise<void> {
    const all = waiting;
    waiting = [];
    for (const { signal, settle } of all) if (signal?.aborted === true) settle(abortError(signal));
    let left = all.filter(({ signal }) => signal?.aborted !== true);
    while (left.length > 0) {
      const { template } = left[0]!;
      const alike = left.filter((each) => isSame(each.template, template));
      left = left.filter((each) => !isSame(each.template, template));
      for (const batch of batchesOf(alike)) {
        const results = await ask(template, batch).catch((error: unknown) =>
          isAtelierError(error) ? error : new AtelierError('internal', {}, error),
        );
        for (const [i, { settle }] of batch.entries()) settle(Array.isArray(results) ? results[i]! : results);
      }
    }
  }

  return {
    renderMany,
    async render(input, signal) {
      checkLength(input);
      const prepared = prepare(input, input);
      if (isAtelierError(prepared)) throw prepared;
      const { promise, resolve } = Promise.withResolvers<string | AtelierError>();
      waiting.push({ ...prepared, template: input, signal, settle: resolve });
      if (waiting.length === 1) void inTurn(renderWaiting);
      const result = await promise;
      if (typeof result !== 'string') throw result;
      return result;
    },
    async [Symbol.asyncDispose]() {
      disposed = true;
      await child?.[Symbol.asyncDispose]();
      await lastTurn;
    },
  };
}

function checkLength({ template }: ChatTemplate): void {
  if (template.length > maxTemplateLength) throw failure(`it is longer than ${maxTemplateLength} characters`);
}

function isSame(one: ChatTemplate, other: ChatTemplate): boolean {
  return (
    one.template === other.template &&
    one.bosToken === other.bosToken &&
    one.eosToken === other.eosToken &&
    one.now === other.now
  );
}

/** Batches for the process, in order. */
function batchesOf<T extends Prepared>(all: readonly T[]): T[][] {
  const batches: T[][] = [];
  let length = Infinity;
  for (const prepared of all) {
    length += prepared.length;
    if (length > maxBatchLength || batches.at(-1)!.length === maxBatch) {
      batches.push([]);
      length = prepared.length;
    }
    batches.at(-1)!.push(prepared);
  }
  return batches;
}

function outcomeOf(result: RenderResult): string | AtelierError {
  return 'text' in result ? result.text : failure(result.failure);
}

function abortError({ reason }: AbortSignal): AtelierError {
  return isAtelierError(reason) ? reason : new AtelierError('cancelled', {}, reason);
}

function failure(reason: string): AtelierError {
  return new AtelierError('template_failed', { reason });
}

function textLength(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 8;
  let length = 2;
  for (const [key, item] of Object.entries(value)) length += key.length + textLength(item);
  return length;
}
