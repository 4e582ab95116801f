/**
 * What a worker does with the batch it holds: answers each line that has no answer yet, then writes the answers into
 * files. Stopped at any point and taken up again, here or by another worker, it goes on where it was.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type AtelierError, isAtelierError } from '@atelier/errors';
import { sql, type Transaction, type UpdateObject } from 'kysely';
import type { Lease, Leases } from '../../jobs/leases.ts';
import type { WorkerOptions } from '../../jobs/worker.ts';
import type { BlobStore } from '../../storage/blobs/blob-store.ts';
import type { Database } from '../../storage/database/database.ts';
import type { BatchState, Row, Tables } from '../../storage/database/tables.ts';
import type { Files } from '../files/files.ts';
import { answeredLines, answerLines, createAnswerWriter } from './answers.ts';
import type { Batch, BatchAnswer, BatchApi, BatchRequest, Dispatch } from './batch-api.ts';
import { readLines } from './read-lines.ts';

export type RunBatchParts = {
  database: Database;
  blobs: BlobStore;
  files: Files;
  leases: Leases;
  apis: Readonly<Record<string, BatchApi>>;
  dispatch: Dispatch;
};

/** Lines of one batch that are answered at the same time: enough to fill a model's step, few enough to leave room for others. */
const AT_ONCE = 8;
/** Times that a line is tried while the server has no room for it. */
const MOST_TRIES = 100;
const MOST_RETRY_SECONDS = 30;
/** Kinds of errors that a batch remembers. */
const MOST_MESSAGES = 50;

const now = sql<Date>`now()`;
const finished: ReadonlySet<BatchState> = new Set(['succeeded', 'failed', 'cancelled', 'timed_out']);

export function createBatchHandler(parts: RunBatchParts): Pick<WorkerOptions, 'handle' | 'fail'> {
  const { database, blobs, files, leases, apis, dispatch } = parts;

  async function read(lease: Lease): Promise<Batch> {
    return leases.fenced(lease, async (transaction) => {
      const batch = await transaction
        .selectFrom('batches')
        .selectAll()
        .where('id', '=', lease.id)
        .executeTakeFirstOrThrow();
      const inputs = await transaction
        .selectFrom('batch_inputs')
        .select('file_id')
        .where('batch_id', '=', lease.id)
        .orderBy('position')
        .execute();
      return { ...batch, input_file_ids: inputs.map(({ file_id }) => file_id) };
    });
  }

  async function move(
    lease: Lease,
    from: readonly BatchState[],
    change: UpdateObject<Tables, 'batches'>,
  ): Promise<void> {
    await leases.fenced(lease, (transaction) =>
      transaction
        .updateTable('batches')
        .set({ ...change, updated_at: now })
        .where('id', '=', lease.id)
        .where('state', 'in', from)
        .execute(),
    );
  }

  async function answerAll(lease: Lease, batch: Batch, signal: AbortSignal): Promise<void> {
    const api = apis[batch.api]!;
    const answered = await answeredLines(database, batch.id);
    using writer = createAnswerWriter(leases, lease);
    const running = new Set<Promise<void>>();
    let failure: unknown;
    const answer = async (line: number, text: string): Promise<void> => {
      const { customId, answer } = await answerLine(api, batch, text, signal);
      const ok = answer.status >= 200 && answer.status < 300;
      writer.add({
        line,
        ok,
        message: ok ? null : api.messageOf(answer).slice(0, 500),
        answer: JSON.stringify(api.writeAnswer(customId, answer)),
      });
    };
    let line = 0;
    for await (const text of readLines(await inputs(batch))) {
      const index = line++;
      if (answered.has(index)) continue;
      while (running.size >= AT_ONCE) await Promise.race(running);
      if (failure) break;
      signal.throwIfAborted();
      const work: Promise<void> = answer(index, text)
        .catch((error: unknown) => {
          failure ??= error;
        })
        .finally(() => running.delete(work));
      running.add(work);
    }
    await Promise.all(running);
    await writer.done();
    if (failure) throw failure;
  }

  async function answerLine(
    api: BatchApi,
    batch: Batch,
    text: string,
    signal: AbortSignal,
  ): Promise<{ customId: string | null; answer: BatchAnswer }> {
    let request: BatchRequest;
    try {
      request = api.readLine(text, batch);
    } catch (error) {
      return { customId: null, answer: api.errorAnswer(error as Error) };
    }
    for (let tries = 1; ; tries++) {
      const answer = await dispatch(batch, request, signal);
      signal.throwIfAborted();
      if (answer.retryAfterSeconds === null || tries >= MOST_TRIES) return { customId: request.customId, answer };
      const seconds = Math.min(MOST_RETRY_SECONDS, Math.max(answer.retryAfterSeconds, tries));
      await sleep(seconds * 1000, undefined, { signal });
    }
  }

  async function inputs(batch: Batch): Promise<string[]> {
    const paths = batch.input_file_ids.map(async (id) => {
      const { blob } = await files.get({ workspaceId: batch.workspace_id }, id);
      return blobs.localPath(blob);
    });
    return Promise.all(paths);
  }

  async function countLines(batch: Batch): Promise<number> {
    let lines = 0;
    for await (const _ of readLines(await inputs(batch))) lines++;
    return lines;
  }

  /** Writes what was answered into files and ends the batch. */
  async function finish(lease: Lease, batch: Batch, state: BatchState): Promise<void> {
    const owner = { workspaceId: batch.workspace_id, userId: batch.created_by, keyId: 'batch' };
    const write = async (ok: boolean): Promise<string | null> => {
      const taken = await files.takeIn(answerLines(database, batch.id, ok), new AbortController().signal, Infinity);
      if (taken.stored.bytes === 0) return null;
      const contentKind = ok ? 'batch_result' : 'batch_error';
      const name = `${batch.id}-${ok ? 'output' : 'errors'}.jsonl`;
      return (await files.create(owner, { name, purpose: 'batch_output', contentKind, source: 'platform' }, taken)).id;
    };
    const output_file_id = await write(true);
    const error_file_id = await write(false);
    await leases.fenced(lease, async (transaction) => {
      const errors = JSON.stringify(await countedMessages(transaction, batch.id));
      await transaction
        .updateTable('batches')
        .set({ state, output_file_id, error_file_id, errors, updated_at: now, finished_at: now })
        .where('id', '=', batch.id)
        .execute();
      await transaction.deleteFrom('batch_answers').where('batch_id', '=', batch.id).execute();
    });
  }

  async function work(lease: Lease, batch: Batch, signal: AbortSignal): Promise<void> {
    switch (batch.state) {
      case 'queued':
        return move(lease, ['queued'], { state: 'running', started_at: now, total: await countLines(batch) });
      case 'running':
        await answerAll(lease, batch, signal);
        return move(lease, ['running'], { state: 'saving' });
      case 'saving':
        return finish(lease, batch, 'succeeded');
      default:
        return finish(lease, batch, 'cancelled');
    }
  }

  return {
    async handle(lease, signal) {
      for (let batch = await read(lease); !finished.has(batch.state); batch = await read(lease)) {
        const limit = AbortSignal.timeout(
          Math.max(0, Math.min(batch.times_out_at.getTime() - Date.now(), 2 ** 31 - 1)),
        );
        try {
          await work(lease, batch, AbortSignal.any([signal, limit]));
        } catch (error) {
          const reason: unknown = signal.aborted ? signal.reason : error;
          if (isAtelierError(reason) && reason.code === 'cancelled') await finish(lease, batch, 'cancelled');
          else if (limit.aborted && !signal.aborted) await finish(lease, batch, 'timed_out');
          else throw reason;
        }
      }
    },
    async fail(lease, error: AtelierError) {
      const stored = { ...error.toJSON(), details: { ...error.details }, message: error.message };
      await move(lease, ['queued', 'running', 'saving', 'cancelling'], {
        state: 'failed',
        error: JSON.stringify(stored),
        errors: JSON.stringify([{ message: error.message, count: 1 }]),
        finished_at: now,
      });
    },
  };
}

async function countedMessages(transaction: Transaction<Tables>, id: string): Promise<Row<'batches'>['errors']> {
  return transaction
    .selectFrom('batch_answers')
    .select(({ fn }) => ['message', fn.countAll<number>().as('count')])
    .where('batch_id', '=', id)
    .where('ok', '=', false)
    .where('message', 'is not', null)
    .$narrowType<{ message: string }>()
    .groupBy('message')
    .orderBy('count', 'desc')
    .orderBy('message')
    .limit(MOST_MESSAGES)
    .execute();
}
