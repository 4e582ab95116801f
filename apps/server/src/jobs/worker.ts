import { AtelierError, isAtelierError } from '@atelier/errors';
import type { Events } from '../events.ts';
import type { Logger } from '../logger.ts';
import type { Lease, Leases } from './leases.ts';
import type { Wake, WakeTopic } from './wake.ts';

export type WorkerOptions = {
  topic: WakeTopic;
  /** Jobs at a time; 0: none. */
  concurrency: number;
  leases: Leases;
  wake: Wake;
  events: Events;
  logger: Logger;
  /**
   * Works on a job until it is over, from whatever state its row is in. Every write goes through `leases.fenced`. The
   * signal's reason is an AtelierError: `cancelled` (the row says `cancelling`; write the final state), `shutting_down`
   * (save what there is; the job goes on elsewhere or later), `lease_lost` (return; nothing can be written any more).
   */
  handle(lease: Lease, signal: AbortSignal): Promise<void>;
  /** Writes the final state of a job that failed for good. */
  fail(lease: Lease, error: AtelierError): Promise<void>;
  pollMs?: number;
};

/** Looks for work this often when nothing wakes it: bounds what a lost notification or a dead replica costs. */
const POLL_MS = 2000;
/** Attempts that may end with an error that might not come again. A model hub may be back in minutes: with the pauses between, these are six. */
const mostFailures = ({ code }: AtelierError): number => (code === 'hub_unavailable' ? 12 : 5);
const MAX_PAUSE_SECONDS = 60;

/** Starts to take and work on jobs. Disposing tells those under way that the server stops, and waits for them. */
export function createWorker(options: WorkerOptions): AsyncDisposable {
  const { topic, concurrency, leases, wake, events, logger, pollMs = POLL_MS } = options;
  const running = new Map<AbortController, { done: Promise<void>; look: () => void }>();
  let stopped = false;
  let looking: Promise<void> | null = null;
  let lookAgain = false;

  /** Takes jobs until there is no room or no job. One at a time: what calls for it meanwhile makes it go round once more. */
  function look(): void {
    lookAgain = true;
    looking ??= takeJobs()
      .catch((error: unknown) => logger.warn({ err: error }, 'could not look for jobs'))
      .finally(() => {
        looking = null;
        if (lookAgain && !stopped) look();
      });
  }

  async function takeJobs(): Promise<void> {
    while (lookAgain) {
      lookAgain = false;
      while (!stopped && running.size < concurrency) {
        const lease = await leases.acquire();
        if (lease === null) break;
        start(lease);
      }
    }
  }

  function start(lease: Lease): void {
    const controller = new AbortController();
    if (stopped) controller.abort(new AtelierError('shutting_down'));
    const heart = startHeart(lease, controller, leases, logger);
    events.jobTaken({ kind: topic, id: lease.id, attempt: lease.attempt });
    const done = work(lease, controller.signal)
      .catch((error: unknown) =>
        logger.error({ err: error, id: lease.id }, 'a job could not be given back; its lease will run out'),
      )
      .finally(() => {
        heart[Symbol.dispose]();
        running.delete(controller);
        look();
      });
    running.set(controller, { done, look: heart.beat });
  }

  async function work(lease: Lease, signal: AbortSignal): Promise<void> {
    try {
      await options.handle(lease, signal);
      await leases.release(lease);
    } catch (thrown) {
      const error = isAtelierError(thrown) ? (thrown as AtelierError) : new AtelierError('internal', {}, thrown);
      const reason = signal.aborted ? (signal.reason as AtelierError).code : null;
      if (error.code === 'lease_lost') return events.jobCutShort({ kind: topic, id: lease.id, reason: 'lease_lost' });
      if (error.code === reason && (reason === 'shutting_down' || reason === 'cancelled')) {
        events.jobCutShort({ kind: topic, id: lease.id, reason });
        return leases.release(lease);
      }
      await giveUpOrRetry(lease, error);
    }
  }

  async function giveUpOrRetry(lease: Lease, error: AtelierError): Promise<void> {
    const final = !error.retryable || lease.failures + 1 >= mostFailures(error);
    events.jobFailed({ kind: topic, id: lease.id, code: error.code, final });
    logger.warn({ err: error, id: lease.id }, 'a job failed');
    if (final) await options.fail(lease, error);
    await leases.release(lease, {
      failed: true,
      pauseSeconds: final ? 0 : Math.min(2 ** lease.failures, MAX_PAUSE_SECONDS),
    });
  }

  const subscription = wake.subscribe(topic, () => {
    for (const { look: beat } of running.values()) beat();
    look();
  });
  const timer = setInterval(look, pollMs);
  look();

  return {
    async [Symbol.asyncDispose]() {
      stopped = true;
      clearInterval(timer);
      subscription[Symbol.dispose]();
      for (const controller of running.keys()) controller.abort(new AtelierError('shutting_down'));
      await looking;
      await Promise.all([...running.values()].map(({ done }) => done));
    },
  };
}

/** Renews a lease while its job is worked on, and tells the work when the lease is lost or the job is to be cancelled. */
function startHeart(
  lease: Lease,
  controller: AbortController,
  leases: Leases,
  logger: Logger,
): Disposable & { beat: () => void } {
  let heldUntil = performance.now() + leases.seconds * 1000;
  let beating = false;

  async function beat(): Promise<void> {
    if (beating) return;
    beating = true;
    const asked = performance.now();
    try {
      const held = await leases.renew(lease);
      if (held === null) return controller.abort(new AtelierError('lease_lost', { id: lease.id }));
      heldUntil = asked + leases.seconds * 1000;
      if (controller.signal.aborted) return;
      if (held.state === 'cancelling') controller.abort(new AtelierError('cancelled'));
      // For the work it is as if the server stopped: it saves what there is, and nobody takes the job before it is resumed.
      else if (held.waiting) controller.abort(new AtelierError('shutting_down'));
    } catch (error) {
      logger.warn({ id: lease.id, code: (error as { code?: string }).code }, 'could not renew a lease');
      if (performance.now() > heldUntil) controller.abort(new AtelierError('lease_lost', { id: lease.id }));
    } finally {
      beating = false;
    }
  }

  const timer = setInterval(() => void beat(), (leases.seconds * 1000) / 3);
  return { beat: () => void beat(), [Symbol.dispose]: () => clearInterval(timer) };
}
