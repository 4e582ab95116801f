/**
 * Reports training jobs to others. What it sends are the rows that the job writes in any case, read some time later, so
 * that the other side cannot slow or fail a job whatever it does. How far it has come is in the row of the report, so
 * another start, or another server, goes on there.
 */
import { sql } from 'kysely';
import type { Logger } from '../../../logger.ts';
import { RefusedRequest } from '../../../outbound/operator-http.ts';
import type { Database } from '../../../storage/database/database.ts';
import type { Row, RowChange } from '../../../storage/database/tables.ts';
import type { Seal } from '../../../storage/sealed.ts';
import { isFinished } from '../states.ts';
import { mlflow } from './mlflow.ts';
import type { ReportedStep, Sink } from './sink.ts';
import { wandb } from './wandb.ts';

export type ReportingUrls = { wandbUrl: string; mlflowUrl: string | null };

type Parts = { database: Database; seal: Seal; urls: ReportingUrls; logger: Logger; pollMs?: number };

/** Between two looks at a job that runs. */
const POLL_MS = 2000;
/** Whoever took a report has it for so long; several times what its requests may take. */
const HELD_SECONDS = 120;
/** Steps of one look. Times the metrics of a step, far below what one request may hold. */
const MOST_STEPS = 150;
const LONGEST_PAUSE_SECONDS = 300;
/** Failures in a row after which a job that is over is given up: about a day. */
const MOST_FAILURES = 290;

type Report = Row<'training_reports'>;

/** The context that a report's secret is sealed with. */
export const reportContext = (jobId: string, position: number): string => `training_reports/${jobId}/${position}`;

/** Starts to report. Disposing cuts what is under way. */
export function createReporter({ database, seal, urls, logger, pollMs = POLL_MS }: Parts): AsyncDisposable {
  const stopping = new AbortController();
  const { signal } = stopping;
  let looking: Promise<void> | undefined;

  /** The report that has waited longest, for HELD_SECONDS: nobody else takes it meanwhile. */
  async function take(): Promise<Report | undefined> {
    return database
      .updateTable('training_reports')
      .set((report) => ({
        token: report('token', '+', 1),
        next_at: sql<Date>`now() + make_interval(secs => ${HELD_SECONDS})`,
      }))
      .where('id', '=', (report) =>
        report
          .selectFrom('training_reports')
          .select('id')
          .where('finished_at', 'is', null)
          .where('next_at', '<=', sql<Date>`now()`)
          .orderBy('next_at')
          .limit(1)
          .forUpdate()
          .skipLocked(),
      )
      .returningAll()
      .executeTakeFirst();
  }

  /** Writes what came of it, unless somebody else has taken the report since; with `pauseSeconds` it can be taken again then. */
  async function note(report: Report, change: RowChange<'training_reports'>, pauseSeconds?: number): Promise<void> {
    await database
      .updateTable('training_reports')
      .set({
        ...change,
        ...(pauseSeconds !== undefined && { next_at: sql<Date>`now() + make_interval(secs => ${pauseSeconds})` }),
      })
      .where('id', '=', report.id)
      .where('token', '=', report.token)
      .execute();
  }

  /** What was sent need not be sent again, whatever comes next; failures count from here. */
  async function progress(report: Report, change: RowChange<'training_reports'>): Promise<void> {
    await note(report, { ...change, failures: 0 });
    report.failures = 0;
  }

  async function send(report: Report): Promise<void> {
    const job = await database
      .selectFrom('training_jobs')
      .selectAll()
      .where('id', '=', report.job_id)
      .executeTakeFirst();
    if (!job) return;
    const over = isFinished(job.state);
    if (!over && ['queued', 'validating', 'validated'].includes(job.state)) return note(report, {}, pollMs / 1000);
    const sink = sinkOf(report);
    let { remote } = report;
    if (remote === null) {
      const made = await sink.begin(
        {
          id: job.id,
          name: report.settings.runName ?? job.name,
          group: report.settings.group,
          startedAt: job.started_at ?? job.created_at,
          parameters: {
            base_model: job.base_model,
            task: job.task,
            method: job.method,
            seed: job.seed,
            ...(job.hyper_parameters['trained'] as Record<string, unknown> | undefined),
          },
        },
        signal,
      );
      remote = made.remote;
      await progress(report, { remote: JSON.stringify(remote), url: made.url });
    }
    const { steps, more } = await unreported(report, job.state === 'running' || job.state === 'cancelling');
    if (steps.length > 0) {
      await sink.log(remote, steps, report.lines, signal);
      await progress(report, { step: steps.at(-1)!.step, lines: report.lines + steps.length });
    }
    if (over && !more) {
      const state = job.state === 'succeeded' || job.state === 'cancelled' ? job.state : 'failed';
      await sink.finish(remote, state, job.finished_at ?? job.updated_at, signal);
      return note(report, { finished_at: new Date(), failures: 0, error: null, secret: null });
    }
    await note(report, { failures: 0, error: null }, more ? 0 : pollMs / 1000);
  }

  /** Steps with the validation after them. That of the latest may still come, while there may be more. */
  async function unreported(
    { job_id, step }: Report,
    running: boolean,
  ): Promise<{ steps: ReportedStep[]; more: boolean }> {
    const rows = await database
      .selectFrom('training_steps as s')
      .leftJoin('training_validations as v', (join) =>
        join.onRef('v.job_id', '=', 's.job_id').onRef('v.step', '=', 's.step'),
      )
      .selectAll('s')
      .select(['v.loss as validation_loss', 'v.token_accuracy'])
      .where('s.job_id', '=', job_id)
      .where('s.step', '>', step)
      .orderBy('s.step')
      .limit(MOST_STEPS + 1)
      .execute();
    const settled = rows.slice(0, rows.length > MOST_STEPS || running ? -1 : undefined);
    return {
      more: rows.length > MOST_STEPS,
      steps: settled.map((row) => ({
        step: row.step,
        at: row.at,
        metrics: {
          loss: row.loss,
          learning_rate: row.learning_rate,
          gradient_norm: row.gradient_norm,
          tokens_per_second: row.tokens_per_second,
          ...(row.validation_loss !== null && { validation_loss: row.validation_loss }),
          ...(row.token_accuracy !== null && { validation_token_accuracy: row.token_accuracy }),
        },
      })),
    };
  }

  function sinkOf({ kind, secret, job_id, position }: Report): Sink {
    const opened = secret === null ? null : seal.open(secret, reportContext(job_id, position));
    return kind === 'wandb' ? wandb(urls.wandbUrl, opened ?? '') : mlflow(urls.mlflowUrl ?? '', opened);
  }

  async function sendOrNote(report: Report): Promise<void> {
    try {
      await send(report);
    } catch (error) {
      if (signal.aborted) return note(report, {}, 0);
      const refused = error instanceof RefusedRequest ? error : undefined;
      const message = refused?.message ?? 'it cannot be reached, or does not answer as it should';
      logger.warn({ job: report.job_id, kind: report.kind, failures: report.failures + 1, message }, 'a report failed');
      const over = (refused?.final ?? false) || report.failures + 1 >= MOST_FAILURES;
      const failed = { failures: report.failures + 1, error: message };
      if (over) await note(report, { ...failed, finished_at: new Date(), secret: null });
      else await note(report, failed, Math.min((pollMs / 1000) * 2 ** report.failures, LONGEST_PAUSE_SECONDS));
    }
  }

  async function sendAll(): Promise<void> {
    while (!signal.aborted) {
      const report = await take();
      if (!report) return;
      await sendOrNote(report);
    }
  }

  const timer = setInterval(() => {
    looking ??= sendAll()
      .catch((error: unknown) => logger.warn({ err: error }, 'could not look for reports'))
      .finally(() => (looking = undefined));
  }, pollMs);

  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      stopping.abort();
      await looking;
    },
  };
}
