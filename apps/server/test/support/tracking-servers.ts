/** MLflow and Weights & Biases as far as reports speak to them: they keep what they get, and fail when they are told to. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

export type Fault = 'none' | 'refuse' | 'unavailable' | 'forget-answer';

type Answer = { status?: number; body: unknown };

/** `fault` decides each request: `forget-answer` does what was asked and cuts the connection. */
async function trackingServer(handle: (path: string, query: URLSearchParams, body: never) => Answer) {
  const state = { fault: (): Fault => 'none', authorizations: new Set<string>(), requests: 0 };
  const server = createServer((request: IncomingMessage, response) => {
    void (async () => {
      state.requests++;
      const fault = state.fault();
      state.authorizations.add(request.headers.authorization ?? '');
      const body = request.method === 'POST' ? await json(request) : {};
      if (fault === 'refuse' || fault === 'unavailable') {
        response.writeHead(fault === 'refuse' ? 401 : 503).end('{"error":"no"}');
        return;
      }
      const url = new URL(request.url!, 'http://localhost');
      const answer = handle(url.pathname, url.searchParams, body as never);
      if (fault === 'forget-answer') return void response.destroy();
      response.writeHead(answer.status ?? 200, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body));
    })().catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(state, {
    url,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

type Metric = { key: string; value: number; timestamp: number; step: number };
/** The fields of all requests. */
type MlflowBody = {
  name: string;
  filter: string;
  run_id: string;
  run_name: string;
  tags: { key: string; value: string }[];
  params?: { key: string; value: string }[];
  metrics?: Metric[];
  status: string;
};
type WandbBody = {
  variables: Record<'name' | 'project' | 'displayName' | 'config', string>;
  files?: Record<string, { offset: number; content: string[] }>;
  complete?: boolean;
  exitcode: number;
};
type MlflowRun = {
  id: string;
  name: string;
  tags: { key: string; value: string }[];
  params: Map<string, string>;
  metrics: Metric[];
  status: string;
};

export async function mlflowServer() {
  const experiments = new Map<string, string>();
  const runs: MlflowRun[] = [];
  const base = '/api/2.0/mlflow/';
  const run = (id: string) => runs.find((each) => each.id === id)!;
  const routes: Record<string, (query: URLSearchParams, body: MlflowBody) => Answer> = {
    'experiments/get-by-name': (query) => {
      const id = experiments.get(query.get('experiment_name')!);
      return id === undefined
        ? { status: 404, body: { error_code: 'RESOURCE_DOES_NOT_EXIST' } }
        : { body: { experiment: { experiment_id: id } } };
    },
    'experiments/create': (_, { name }) => {
      const id = String(experiments.size + 1);
      experiments.set(name, id);
      return { body: { experiment_id: id } };
    },
    'runs/search': (_, { filter }) => {
      const [, tag, value] = /^tags\.`([^`]+)` = '([^']*)'$/.exec(filter)!;
      const found = runs.filter(({ tags }) => tags.some((each) => each.key === tag && each.value === value));
      return { body: found.length > 0 ? { runs: found.map(({ id }) => ({ info: { run_id: id } })) } : {} };
    },
    'runs/create': (_, { run_name, tags }) => {
      const id = `run-${runs.length + 1}`;
      runs.push({ id, name: run_name, tags, params: new Map(), metrics: [], status: 'RUNNING' });
      return { body: { run: { info: { run_id: id } } } };
    },
    'runs/log-batch': (_, { run_id, params = [], metrics = [] }) => {
      const { params: kept, metrics: all } = run(run_id);
      if (params.length > 100 || metrics.length > 1000) return { status: 400, body: {} };
      for (const { key, value } of params) {
        if (kept.has(key) && kept.get(key) !== value) return { status: 400, body: {} };
        kept.set(key, value);
      }
      // The store's primary key: the same again changes nothing.
      for (const metric of metrics)
        if (!all.some((each) => JSON.stringify(each) === JSON.stringify(metric))) all.push(metric);
      return { body: {} };
    },
    'runs/update': (_, { run_id, status }) => {
      run(run_id).status = status;
      return { body: {} };
    },
  };
  const server = await trackingServer((path, query, body) => routes[path.slice(base.length)]!(query, body));
  return Object.assign(server, { experiments, runs });
}

export async function wandbServer() {
  const kept = {
    name: '',
    displayName: '',
    project: '',
    config: {} as Record<string, { value: unknown }>,
    history: [] as string[],
    finished: undefined as { complete: boolean; exitcode: number } | undefined,
  };
  const server = await trackingServer((path, _, body: WandbBody) => {
    if (path === '/graphql') {
      const { name, project, displayName, config } = body.variables;
      Object.assign(kept, { name, project, displayName, config: JSON.parse(config) as unknown });
      return {
        body: { data: { upsertBucket: { bucket: { name, project: { name: project, entity: { name: 'team' } } } } } },
      };
    }
    if (path !== `/files/team/${kept.project}/${kept.name}/file_stream`) return { status: 404, body: {} };
    const history = body.files?.['wandb-history.jsonl'];
    if (history) for (const [i, line] of history.content.entries()) kept.history[history.offset + i] = line;
    if (body.complete) kept.finished = { complete: true, exitcode: body.exitcode };
    return { body: {} };
  });
  return Object.assign(server, { kept });
}
