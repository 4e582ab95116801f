/**
 * Brings deployments up: the model is checked and loaded, so that the first request does not wait. The engine loads a
 * model again by itself when it was unloaded meanwhile, so a deployment that is up stays up; a restart loads it anew.
 * Where another server runs it, its adapter is put where that server reads it, and taken away in the end.
 */
import type { Engine } from '@atelier/engine';
import { AtelierError, isAtelierError } from '@atelier/errors';
import type { Events } from '../../events.ts';
import type { Logger } from '../../logger.ts';
import { type DeployedModelParts, deployedModel } from './deployed-model.ts';
import { moveDeployment } from './move-deployment.ts';
import { isPlaced, placeAdapter, removeAdapter } from './placed-adapter.ts';
import { type DeploymentState, isFinished } from './states.ts';

export type Deployer = ReturnType<typeof createDeployer>;

export type DeployerParts = DeployedModelParts & {
  engine: Engine;
  events: Events;
  logger: Logger;
  /** Of processes that convert adapters. */
  environment: Readonly<Record<string, string>>;
  limitMs?: number;
};

/** A large model from a slow disk takes minutes; longer means that it will not come. */
const LIMIT_MS = 600_000;

export function createDeployer(parts: DeployerParts) {
  const { database, engine, events, logger, environment, remotePlaces, limitMs = LIMIT_MS } = parts;
  const underWay = new Map<string, { stop: AbortController; done: Promise<void> }>();
  const stopping = new AbortController();
  let resuming = Promise.resolve();

  async function bringUp(id: string, stop: AbortSignal): Promise<void> {
    const row = await database.selectFrom('deployments').select('state').where('id', '=', id).executeTakeFirst();
    if (row?.state === 'pending' && !(await moveDeployment(database, id, 'deploying'))) return;
    const limit = AbortSignal.timeout(limitMs);
    try {
      const { model, local, place } = await deployedModel(parts, id);
      const signal = AbortSignal.any([stop, limit, stopping.signal]);
      if (place) await placeAdapter({ local, place, name: id }, environment, signal);
      await engine.load(model, signal);
      await settle(id, 'deployed');
    } catch (thrown) {
      // Cancelled or deleted: its row says so. Stopping: the next start goes on.
      if (stop.aborted || stopping.signal.aborted) return;
      const error = isAtelierError(thrown) ? (thrown as AtelierError) : new AtelierError('internal', {}, thrown);
      logger.warn({ err: error, id }, 'a deployment could not be brought up');
      if (row?.state === 'deployed' && error.retryable) return; // it was up before this start: requests try again
      if (limit.aborted) await settle(id, 'timed_out');
      else await settle(id, 'failed', error);
      await takeDown(id);
    }
  }

  /** Has another server forget a deployment. What runs here the engine unloads by itself. */
  async function takeDown(id: string): Promise<void> {
    try {
      const { model, place } = await deployedModel(parts, id);
      if (place) await engine.unload(model).finally(() => removeAdapter({ place, name: id }));
    } catch (error) {
      logger.warn({ err: error, id }, 'a deployment could not be taken down');
    }
  }

  async function settle(id: string, state: DeploymentState, error?: AtelierError): Promise<void> {
    if (await moveDeployment(database, id, state, error)) events.deploymentSettled({ id, state });
  }

  function start(id: string): Promise<void> {
    const stop = new AbortController();
    const done = bringUp(id, stop.signal)
      .catch((error: unknown) => logger.error({ err: error, id }, 'the state of a deployment could not be written'))
      .finally(() => underWay.delete(id));
    underWay.set(id, { stop, done });
    return done;
  }

  async function resumeAll(): Promise<void> {
    const rows = await database
      .selectFrom('deployments')
      .select(['id', 'state'])
      .where((deployment) =>
        deployment.or([
          deployment('state', 'in', ['pending', 'deploying', 'deployed']),
          deployment('server_type', '=', 'serverless'),
        ]),
      )
      .orderBy('updated_at', 'desc')
      .execute();
    for (const { id, state } of rows) {
      if (stopping.signal.aborted) return;
      if (!isFinished(state)) await start(id);
      else if (await isPlaced(remotePlaces, id)) await takeDown(id);
    }
  }

  return {
    /** Starts to bring a deployment up; its row tells what comes of it. */
    deploy: (id: string): void => void start(id),

    /** Gives up on a deployment that is being brought up, or takes one down that was. Its row must still be there. */
    async stop(id: string): Promise<void> {
      const current = underWay.get(id);
      current?.stop.abort(new AtelierError('cancelled'));
      await current?.done;
      await takeDown(id);
    },

    /**
     * At a start of the server: goes on with deployments that were being brought up or taken down, and loads those that
     * were up, one after the other.
     */
    resume(): void {
      resuming = resumeAll().catch((error: unknown) =>
        logger.error({ err: error }, 'the deployments could not be resumed'),
      );
    },

    async [Symbol.asyncDispose](): Promise<void> {
      stopping.abort(new AtelierError('shutting_down'));
      await Promise.all([resuming, ...[...underWay.values()].map(({ done }) => done)]);
    },
  };
}
