/** The composition root: every part of the server is built here, by hand, in the order in which they need each other. */
import type { AddressInfo } from 'node:net';
import { isIPv6 } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createEngine, createRemoteEngine, type Engine, routeEngines } from '@atelier/engine';
import { AtelierError } from '@atelier/errors';
import { textRecogniser } from '@atelier/memory';
import type { FastifyInstance } from 'fastify';
import { Registry } from 'prom-client';
import { createEmissaryApi } from './apis/emissary/emissary-api.ts';
import { mistralBatches } from './apis/mistral/translate/batch.ts';
import { createMistralApi } from './apis/mistral/mistral-api.ts';
import { createOpenaiApi } from './apis/openai/openai-api.ts';
import { openaiBatches } from './apis/openai/translate/batch.ts';
import { createLocalLauncher } from './compute/local-launcher.ts';
import type { Launcher } from './compute/launcher.ts';
import type { Config } from './config/config.ts';
import { childEnvironment } from './config/environment.ts';
import { readRemoteEngines } from './config/remote-engines.ts';
import { createAgents } from './core/agents/agents.ts';
import { createConversations } from './core/agents/conversations.ts';
import { createAccess } from './core/access/access.ts';
import { createDownloadLinks } from './core/access/download-links.ts';
import { createBatches } from './core/batches/batches.ts';
import { createBatchHandler } from './core/batches/run-batch.ts';
import { createDatasets } from './core/datasets/datasets.ts';
import { createReadDocument } from './core/documents/read-document.ts';
import { createFiles } from './core/files/files.ts';
import { deployedModel } from './core/deployments/deployed-model.ts';
import { createDeployer } from './core/deployments/deployer.ts';
import { createDeployments } from './core/deployments/deployments.ts';
import { remotePlaces } from './core/deployments/remote-places.ts';
import { createInference } from './core/inference/inference.ts';
import { modelAliases } from './core/models/aliases.ts';
import { createModels } from './core/models/models.ts';
import { createPinnedModels } from './core/models/pinned-models.ts';
import { createModeration } from './core/moderation/moderation.ts';
import { createProjects } from './core/projects/projects.ts';
import { createResponses } from './core/responses/responses.ts';
import { createJobRows } from './core/training/job-row.ts';
import { createFetchModel } from './core/training/fetch-base-model.ts';
import { createJobHandler } from './core/training/run-job.ts';
import { createReporter } from './core/training/reporting/reporter.ts';
import { removeStaleRuns } from './core/training/stale-runs.ts';
import { createEstimateJob } from './core/training/estimate-run.ts';
import { createTrainingJobs } from './core/training/training-jobs.ts';
import { addEngineMetrics } from './engine-metrics.ts';
import { createEvents } from './events.ts';
import type { Api } from './http/api.ts';
import { dispatch } from './http/dispatch.ts';
import { createApp, type RouteEntry } from './http/app.ts';
import { createLeases } from './jobs/leases.ts';
import { createWake } from './jobs/wake.ts';
import { createWorker } from './jobs/worker.ts';
import { addLogMetrics, LogDestination } from './log-destination.ts';
import { createLoggers, type Loggers } from './logger.ts';
import { createFetchUrl } from './outbound/fetch-url.ts';
import { openStorage } from './storage/open-storage.ts';
import { createSeal } from './storage/sealed.ts';

/** The models that ship. */
const starterModels = fileURLToPath(new URL('../../../packages/starter/models/', import.meta.url));

/** Parts that tests put in the place of the real ones. */
export type Overrides = { engine?: Engine; launcher?: Launcher; loggers?: Loggers };

export type Server = AsyncDisposable & {
  /** Without a slash at its end. */
  url: string;
  adminKey: string;
  /** True when the key was made by this start: the one time to show it. */
  adminKeyCreated: boolean;
  /** A request without a socket. */
  inject: FastifyInstance['inject'];
  routes: readonly RouteEntry[];
};

/**
 * Starts a server and returns when it answers requests. Disposing it stops it: no new requests, those in flight finish,
 * a training job writes its checkpoint, and after `config.shutdownSeconds` what is left is cut.
 * @throws AtelierError `data_directory_in_use`, `database_unusable`, `invalid_setting`
 */
export async function startServer(config: Config, overrides: Overrides = {}): Promise<Server> {
  process.umask(0o077); // whatever is written here is for this user alone
  const log = new LogDestination();
  const loggers = overrides.loggers ?? createLoggers(config.logLevel, log);
  const registry = new Registry();
  addLogMetrics(registry, log);
  const events = createEvents(loggers.events, registry);
  const stopping = new AbortController();
  const hardStop = new AbortController();

  await using stack = new AsyncDisposableStack();
  const storage = stack.use(await openStorage(config, loggers, events));
  const { database, blobs } = storage;

  const access = createAccess(database);
  const admin =
    config.secrets.adminKey === null
      ? await storage.secret('admin-key', 'ak-')
      : { secret: config.secrets.adminKey, created: false };
  await access.ensureAdministrator(admin.secret);
  const { secret: linkKey } = await storage.secret('link-key');
  let listenedUrl = '';
  const links = createDownloadLinks({
    secret: linkKey,
    lifeSeconds: config.linkSeconds,
    baseUrl: () => config.publicUrl ?? listenedUrl,
  });

  const owner = (await storage.secret('server-id', 'server-')).secret;
  const leases = createLeases({ database, owner });
  const batchLeases = createLeases({ database, owner, table: 'batches' });
  await Promise.all([leases.dropOwn(), batchLeases.dropOwn()]); // the lock on the data directory says that the process that held them is dead
  const wake = stack.use(createWake(storage.pool, loggers.jobs));
  const launcher =
    overrides.launcher ??
    createLocalLauncher({
      environment: childEnvironment(),
      graceMs: config.shutdownSeconds * 1000,
      logger: loggers.compute,
    });
  const services = await readRemoteEngines(config.secrets.remoteEngines);
  const remote = stack.use(createRemoteEngine({ services, logger: loggers.engine }));
  const local =
    overrides.engine ??
    stack.use(
      createEngine({
        environment: childEnvironment(),
        gpu: config.gpu,
        logger: loggers.engine,
        maxRunning: config.engineRunning,
        speculation: config.engineSpeculation,
        idleUnloadMs: config.engineIdleSeconds * 1000,
        ...(config.threads !== null && { threads: config.threads }),
        ...(config.engineMemory !== null && { memoryBytes: config.engineMemory }),
      }),
    );
  const engine = routeEngines(local, remote);
  addEngineMetrics(registry, engine);

  // Core services.
  const seal = createSeal((await storage.secret('seal-key')).secret);
  const models = createModels({
    database,
    blobs,
    logger: loggers.models,
    aliases: modelAliases(config.modelAliases),
    deprecations: config.modelDeprecations,
    remotes: () => remote.models(),
    hub: config.hub,
  });
  await models.register([starterModels, path.join(config.directories.data, 'models')]);
  const pinned = stack.use(createPinnedModels({ names: config.pinnedModels, models, engine, logger: loggers.models }));
  const projects = createProjects(database);
  const datasets = createDatasets({ database, blobs, events, uploadLimit: config.uploadLimit });
  const trainingJobs = createTrainingJobs({
    database,
    datasets,
    wake,
    seal,
    reportingUrls: config.reportingUrls,
  });
  const files = createFiles({ database, blobs, uploadLimit: config.uploadLimit });
  const places = remotePlaces(services);
  const deployed = { database, blobs, models, remotePlaces: places };
  const environment = childEnvironment();
  const deployer = createDeployer({ ...deployed, engine, events, logger: loggers.deployments, environment });
  const deployments = createDeployments({
    database,
    trainingJobs,
    deployer,
    remotePlaces: places,
    modelOf: (id) => deployedModel(deployed, id),
  });
  const batches = createBatches({ database, files, wake });
  const inference = createInference({ models, deployments, engine });
  const moderation = createModeration({
    inference,
    models,
    engine,
    shipped: {
      path: path.join(starterModels, 'starter.gguf'),
      adapter: { path: path.join(starterModels, 'moderation', 'adapter.gguf') },
      head: { path: path.join(starterModels, 'moderation', 'head.json') },
    },
  });
  const agents = createAgents({ database, models });
  const conversations = createConversations({ database, agents, models, inference });

  const fetchUrl = stack.use(createFetchUrl(config.allowedHosts));
  const readDocument = createReadDocument({
    blobs,
    links,
    fetchUrl,
    recognise: textRecogniser(config.ocrLanguages),
    directory: tmpdir(),
  });

  // APIs.
  const apis: Api[] = [
    createEmissaryApi({ models, projects, datasets, trainingJobs, deployments, inference, links }),
    createMistralApi({
      models,
      files,
      batches,
      agents,
      conversations,
      projects,
      trainingJobs,
      estimateJob: createEstimateJob({ database, blobs, models, datasets }),
      inference,
      moderation,
      links,
      readDocument,
    }),
    createOpenaiApi({
      models,
      files,
      batches,
      projects,
      trainingJobs,
      inference,
      responses: createResponses(database),
    }),
  ];

  const app = await createApp({
    access,
    blobs,
    links,
    events,
    apis,
    registry,
    logger: loggers.http,
    uploadLimit: config.uploadLimit,
    hardStop: hardStop.signal,
    checks: {
      server: async () => stopping.signal.throwIfAborted(),
      database: () => database.selectNoFrom((query) => query.lit(1).as('answer')).execute(),
      blobs: () => blobs.probe(),
      models: () => pinned.ready(),
    },
  });
  stack.defer(() => app.close());
  listenedUrl = await listen(app, config);

  // Workers: last, so that whatever they need is there, and stopped first.
  await removeStaleRuns(config.directories.runs, database);
  const jobHandler = createJobHandler({
    database,
    blobs,
    models,
    engine,
    launcher,
    events,
    rows: createJobRows(leases),
    fetchModel: createFetchModel({
      directory: path.join(config.directories.data, 'hub'),
      endpoint: config.hub,
      token: config.secrets.hubToken ?? undefined,
      environment: childEnvironment(),
    }),
    runs: config.directories.runs,
    machine: { gpu: config.gpu, threads: config.threads },
    limitSeconds: config.trainingSeconds,
  });
  const workers: AsyncDisposable[] = [
    deployer,
    createReporter({ database, seal, urls: config.reportingUrls, logger: loggers.jobs }),
    createWorker({
      topic: 'training',
      concurrency: config.trainingJobs,
      leases,
      wake,
      events,
      logger: loggers.jobs,
      ...jobHandler,
    }),
    createWorker({
      topic: 'batches',
      concurrency: config.batches,
      leases: batchLeases,
      wake,
      events,
      logger: loggers.jobs,
      ...createBatchHandler({
        database,
        blobs,
        files,
        leases: batchLeases,
        apis: { mistral: mistralBatches, openai: openaiBatches },
        dispatch: ({ workspace_id, created_by }, { endpoint, body }, signal) =>
          dispatch(
            app,
            access,
            { workspaceId: workspace_id, userId: created_by, keyId: 'batch' },
            { url: endpoint, body },
            signal,
          ),
      }),
    }),
  ];
  deployer.resume();

  async function stop(): Promise<void> {
    loggers.server.info('stopping');
    stopping.abort(new AtelierError('shutting_down'));
    const timer = setTimeout(() => {
      hardStop.abort(new AtelierError('shutting_down'));
      app.server.closeAllConnections();
    }, config.shutdownSeconds * 1000);
    await Promise.allSettled([app.close(), ...workers.map((worker) => worker[Symbol.asyncDispose]())]);
    clearTimeout(timer);
    await parts.disposeAsync();
    loggers.server.info('stopped');
  }

  const parts = stack.move();
  let stopped: Promise<void> | undefined;
  loggers.server.info({ url: listenedUrl }, 'ready');
  return {
    url: listenedUrl,
    adminKey: admin.secret,
    adminKeyCreated: admin.created,
    inject: app.inject.bind(app) as FastifyInstance['inject'],
    routes: app.routeTable,
    [Symbol.asyncDispose]: () => (stopped ??= stop()),
  };
}

/** @returns the URL to reach it by. @throws AtelierError `invalid_setting` when the address cannot be had. */
async function listen(app: FastifyInstance, { host, port }: Config): Promise<string> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE')
      throw new AtelierError(
        'invalid_setting',
        { name: 'ATELIER_PORT', reason: `port ${port} of ${host} is in use` },
        error,
      );
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EACCES') {
      throw new AtelierError(
        'invalid_setting',
        { name: 'ATELIER_HOST', reason: `this server may not listen on ${host}:${port}` },
        error,
      );
    }
    throw error;
  }
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : isIPv6(host) ? `[${host}]` : host;
  return `http://${name}:${(app.server.address() as AddressInfo).port}`;
}
