/** Another workspace's objects look exactly like ones that never were: every route that takes an id, taken from the router. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emissaryObjects, type EmissaryObjects, uploadRows } from './support/emissary-objects.ts';
import { emissaryServer, type EmissaryServer, stranger } from './support/emissary-server.ts';
import { type TestDatabases, testDatabases } from './support/test-databases.ts';
import { uploadForm } from './support/upload.ts';

let databases: TestDatabases;
let server: EmissaryServer;
let mine: EmissaryObjects;
/** The stranger's own. */
let theirs: { project: string; dataset: string };
beforeAll(async () => {
  databases = await testDatabases();
  server = await emissaryServer(databases, { ATELIER_TRAINING_JOBS: '0' });
  mine = await emissaryObjects(server);
  const project: string = (await server.call('POST', '/emissary/v1/projects', {}, stranger.key)).json().id;
  theirs = { project, dataset: await uploadRows(server, project, stranger.key) };
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await databases[Symbol.asyncDispose]();
});

const never = {
  project: `ms-${'0'.repeat(24)}`,
  dataset: `ds-${'0'.repeat(24)}`,
  job: `tr-${'0'.repeat(24)}`,
  deployment: `dp-${'0'.repeat(24)}`,
};
type Ids = { project: string; dataset: string; job: string; deployment: string };
const parameterOf: Record<string, keyof Ids> = {
  project_id: 'project',
  dataset_id: 'dataset',
  training_job_id: 'job',
  deployment_id: 'deployment',
};

/** What each route with a body needs to get as far as looking for its objects. A route that is missing here fails. */
const bodies: Record<string, (ids: Ids) => object | 'form' | undefined> = {
  projects: () => ({}),
  datasets: () => 'form',
  'training-jobs': (ids) => ({ base_model: 'tiny-chat', train_dataset_id: ids.dataset }),
  deployments: (ids) => ({ training_job_id: ids.job, checkpoint: 1 }),
  cancel: () => undefined,
  completions: () => ({ input: 'x' }),
  'chat/completions': () => ({ messages: [{ role: 'user', content: 'x' }] }),
  embeddings: () => ({ input: 'x' }),
  classification: () => ({ input: 'x' }),
};

async function send(route: { method: string; url: string }, ids: Ids, key: string) {
  const url = route.url.replace(/:(\w+)/g, (_, name: string) => ids[parameterOf[name]!]);
  const headers: Record<string, string> = { 'x-api-key': key };
  const method = route.method as 'GET' | 'POST' | 'DELETE';
  if (method !== 'POST') return server.inject({ method, url, headers });
  const last = /(chat\/)?[\w-]+$/.exec(route.url.replace(/\/:\w+/g, ''))![0];
  const body = bodies[last]!(ids);
  if (body !== 'form') return server.inject({ method, url, headers, ...(body && { payload: body }) });
  const form = uploadForm('{"prompt":"a","completion":"b"}', 'a.jsonl');
  return server.inject({ method, url, headers: { ...headers, ...form.headers }, payload: await form.payload });
}

const seen = (answer: Awaited<ReturnType<typeof send>>) => ({
  status: answer.statusCode,
  body: answer.body,
  type: answer.headers['content-type'],
});

describe('the objects of another workspace', () => {
  it('are on no route told apart from missing ones', async () => {
    const routes = server.routes.filter(
      ({ url }) => /:(project|dataset|training_job|deployment)_id/.test(url) && url.startsWith('/'),
    );
    expect(new Set(routes.map(({ url }) => url)).size).toBeGreaterThanOrEqual(2 * 14);
    for (const route of routes) {
      const hidden = seen(await send(route, mine, stranger.key));
      expect({ route, ...hidden }).toMatchObject({ status: 404 });
      expect({ route, ...hidden }).toEqual({ route, ...seen(await send(route, never, stranger.key)) });
      if (!/:(dataset|training_job|deployment)_id/.test(route.url)) continue;
      // Inside a project of one's own too.
      const nested = { ...mine, project: theirs.project };
      const answer = seen(await send(route, nested, stranger.key));
      expect({ route, ...answer }).toEqual({
        route,
        ...seen(await send(route, { ...never, project: theirs.project }, stranger.key)),
      });
    }
    // Nothing of it was done.
    expect(
      await server.database.selectFrom('projects').select('id').where('id', '=', mine.project).execute(),
    ).toHaveLength(1);
    for (const [url, count] of [
      ['datasets', 1],
      ['training-jobs', 1],
      ['deployments', 1],
    ] as const) {
      expect((await server.call('GET', `/emissary/v1/projects/${mine.project}/${url}`)).json()).toHaveLength(count);
    }
  });

  it('cannot be named in a body', async () => {
    const at = `/emissary/v1/projects/${theirs.project}`;
    for (const [url, body] of [
      [`${at}/training-jobs`, (ids: Ids) => ({ base_model: 'tiny-chat', train_dataset_id: ids.dataset })],
      [
        `${at}/training-jobs`,
        (ids: Ids) => ({ base_model: 'tiny-chat', train_dataset_id: theirs.dataset, test_dataset_id: ids.dataset }),
      ],
      [`${at}/deployments`, (ids: Ids) => ({ training_job_id: ids.job, checkpoint: 1 })],
    ] as const) {
      const hidden = seen(await server.call('POST', url, body(mine), stranger.key));
      expect(hidden.status).toBe(404);
      expect(hidden).toEqual(seen(await server.call('POST', url, body(never), stranger.key)));
    }
  });

  it('are in no list', async () => {
    const listed = (await server.call('GET', '/emissary/v1/projects', undefined, stranger.key)).json();
    expect(listed).toEqual([{ id: theirs.project, name: '' }]);
  });
});

describe('ids that are none', () => {
  it.each([
    'x',
    '',
    'ms-',
    '../../etc/passwd',
    'ms-%00',
    "ms-' or 1=1 --",
    '\u0000',
    'ms-ZZZZZZZZZZZZZZZZZZZZZZZZ',
    `ms-${'0'.repeat(900)}`,
  ])('%j looks like a missing one', async (id) => {
    const answer = await server.call('GET', `/emissary/v1/projects/${encodeURIComponent(id)}/datasets`);
    expect([answer.statusCode, answer.json()]).toMatchObject([404, { status: 404, code: 'object_not_found' }]);
    if (id === '' || id.length > 900) return;
    for (const kind of ['datasets', 'training-jobs', 'deployments']) {
      const nested = await server.call(
        'GET',
        `/emissary/v1/projects/${mine.project}/${kind}/${encodeURIComponent(id)}`,
      );
      expect([nested.statusCode, nested.json()]).toMatchObject([404, { status: 404, code: 'object_not_found' }]);
    }
  });
});

describe('without a valid key', () => {
  it('every route says 401 in the published shape and does nothing', async () => {
    for (const route of server.routes.filter(({ url, public: open }) => url.startsWith('/emissary/') && !open)) {
      for (const key of ['', 'ak-wrong']) {
        const answer = await send({ ...route, url: route.url.replace(':base_model_name', 'tiny-chat') }, mine, key);
        expect([route.url, answer.statusCode, answer.json()]).toEqual([
          route.url,
          401,
          { status: 401, error: 'Missing or invalid API key', code: 'unauthorized' },
        ]);
      }
    }
  });
});
