/** From what a trainer reports to what callers see: steps, validations and checkpoints, within a second of the report. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isAtelierError } from '@atelier/errors';
import type { RunEvent } from '@atelier/tuner/contract';
import type { Transaction } from 'kysely';
import type { Lease } from '../../jobs/leases.ts';
import type { Tables } from '../../storage/database/tables.ts';
import { arrivals } from './arrivals.ts';
import { now } from './job-row.ts';
import { keepCheckpoint, type KeepCheckpointParts } from './keep-checkpoint.ts';

type EventOf<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>;

/** Pause between two writes: the events of a fast trainer share a transaction, and none waits longer than this. */
const WRITE_EVERY_MS = 250;
/** Rows in one insert; far below PostgreSQL's limit of 65,535 parameters. */
const MOST_EVENTS = 1000;

export type FollowParts = KeepCheckpointParts;

/**
 * Writes down every event of a run until it ends. Events of earlier starts come again and change nothing. Checkpoints are
 * kept beside the rest, so that large files do not hold up what is seen of the steps after them.
 * `share` is the part of the whole job's progress that training is. Without time left (`signal`), checkpoints wait for the
 * next worker.
 * @throws AtelierError `lease_lost`; `training_failed` when a checkpoint is not what the trainer said it was.
 */
export async function followRun(
  parts: FollowParts,
  lease: Lease,
  { directory, events, share }: { directory: string; events: AsyncIterable<RunEvent>; share: number },
  signal: AbortSignal,
): Promise<void> {
  let totalSteps = 1;
  let keeping: Promise<void> = Promise.resolve();
  const failed = new AbortController();
  const keep = async (checkpoint: EventOf<'checkpoint'>): Promise<void> => {
    if (!failed.signal.aborted && !isLeaving(signal)) await keepCheckpoint(parts, lease, directory, checkpoint);
  };
  for await (const batch of arrivals(events, MOST_EVENTS)) {
    failed.signal.throwIfAborted();
    totalSteps = ofType(batch, 'plan').at(-1)?.totalSteps ?? totalSteps;
    await parts.rows.write(lease, (transaction) => writeReports(transaction, lease.id, batch, { totalSteps, share }));
    for (const checkpoint of ofType(batch, 'checkpoint')) {
      keeping = keeping.then(() => keep(checkpoint)).catch((error: unknown) => failed.abort(error));
    }
    if (batch.length < MOST_EVENTS) await sleep(WRITE_EVERY_MS);
  }
  await keeping;
  failed.signal.throwIfAborted();
}

/** Whether this worker is to leave the job to another as soon as it can. */
function isLeaving({ aborted, reason }: AbortSignal): boolean {
  return aborted && isAtelierError(reason) && (reason.code === 'shutting_down' || reason.code === 'lease_lost');
}

function ofType<T extends RunEvent['type']>(events: readonly RunEvent[], type: T): EventOf<T>[] {
  return events.filter((event): event is EventOf<T> => event.type === type);
}

/** Of several reports of one step the last counts. */
function latestByStep<E extends { step: number }>(events: readonly E[]): E[] {
  return [...new Map(events.map((event) => [event.step, event])).values()];
}

async function writeReports(
  transaction: Transaction<Tables>,
  id: string,
  batch: readonly RunEvent[],
  { totalSteps, share }: { totalSteps: number; share: number },
): Promise<void> {
  const steps = latestByStep(ofType(batch, 'step'));
  const last = steps.at(-1);
  if (last) {
    await transaction
      .insertInto('training_steps')
      .values(
        steps.map((event) => ({
          job_id: id,
          step: event.step,
          at: new Date(event.at * 1000),
          loss: event.loss,
          learning_rate: event.learningRate,
          gradient_norm: event.gradientNorm,
          tokens_per_second: event.tokensPerSecond,
          tokens: event.tokens,
        })),
      )
      .onConflict((conflict) =>
        conflict.columns(['job_id', 'step']).doUpdateSet((row) => ({
          at: row.ref('excluded.at'),
          loss: row.ref('excluded.loss'),
          learning_rate: row.ref('excluded.learning_rate'),
          gradient_norm: row.ref('excluded.gradient_norm'),
          tokens_per_second: row.ref('excluded.tokens_per_second'),
          tokens: row.ref('excluded.tokens'),
        })),
      )
      .execute();
    const progress = share * Math.min(1, last.step / totalSteps);
    await transaction
      .updateTable('training_jobs')
      .set({ total_steps: totalSteps, seconds_left: last.secondsLeft, progress, updated_at: now })
      .where('id', '=', id)
      .execute();
  }

  await writeSamples(transaction, id, ofType(batch, 'sample'));
  const validations = latestByStep(ofType(batch, 'validation'));
  if (validations.length === 0) return;
  await transaction
    .insertInto('training_validations')
    .values(
      validations.map(({ step, at, loss, tokenAccuracy }) => ({
        job_id: id,
        step,
        at: new Date(at * 1000),
        loss,
        token_accuracy: tokenAccuracy ?? null,
      })),
    )
    .onConflict((conflict) =>
      conflict.columns(['job_id', 'step']).doUpdateSet((row) => ({
        at: row.ref('excluded.at'),
        loss: row.ref('excluded.loss'),
        token_accuracy: row.ref('excluded.token_accuracy'),
      })),
    )
    .execute();
}

/** Samples of one step come together, and again after a resume: then the same ones. */
async function writeSamples(
  transaction: Transaction<Tables>,
  id: string,
  samples: readonly EventOf<'sample'>[],
): Promise<void> {
  const rows = samples.map(({ step, position, at, prompt, expected, text }) => ({
    job_id: id,
    step,
    position,
    at: new Date(at * 1000),
    prompt: storable(prompt),
    expected: expected === undefined ? null : storable(expected),
    answer: storable(text),
  }));
  const latest = [...new Map(rows.map((row) => [`${row.step}/${row.position}`, row])).values()];
  if (latest.length === 0) return;
  await transaction
    .insertInto('training_samples')
    .values(latest)
    .onConflict((conflict) =>
      conflict.columns(['job_id', 'step', 'position']).doUpdateSet((row) => ({
        at: row.ref('excluded.at'),
        answer: row.ref('excluded.answer'),
      })),
    )
    .execute();
}

/** PostgreSQL's text holds no NUL, and a model may say anything. */
function storable(text: string): string {
  return text.replaceAll('\0', '\uFFFD').toWellFormed();
}
