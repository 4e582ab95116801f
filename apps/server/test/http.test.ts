import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { AtelierError } from '@atelier/errors';
import type { FastifyInstance } from 'fastify';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Api } from '../src/http/api.ts';
import type { AppParts } from '../src/http/app.ts';
import { requestSignal } from '../src/http/request-signal.ts';
import { adminKey, testApp, type TestApp } from './support/test-app.ts';
import { type TestDatabases, testDatabases } from './support/test-databases.ts';
import { toyApi } from './support/toy-api.ts';

let databases: TestDatabases;
const apps: TestApp[] = [];
beforeAll(async () => {
  databases = await testDatabases();
});
afterEach(async () => {
  for (const app of apps.splice(0)) await app[Symbol.asyncDispose]();
});
afterAll(async () => {
  await common?.[Symbol.asyncDispose]();
  await databases[Symbol.asyncDispose]();
});

/** One app with a toy API, for the tests that need nothing else. */
let common: TestApp | undefined;
async function shared(): Promise<TestApp> {
  common ??= await testApp(databases, { apis: [toyApi('emissary')], uploadLimit: 64 << 20 });
  return common;
}

async function start(given: Partial<AppParts> = {}): Promise<TestApp> {
  const app = await testApp(databases, { apis: [toyApi('emissary')], ...given });
  apps.push(app);
  return app;
}
const key = { 'x-api-key': adminKey };

async function listen(app: FastifyInstance): Promise<number> {
  await app.listen({ host: '127.0.0.1', port: 0 });
  return (app.server.address() as { port: number }).port;
}

describe('an API', () => {
  it('answers under its prefix and at the root, and describes itself', async () => {
    const { app } = await shared();
    for (const url of ['/emissary/v1/models', '/v1/models'])
      expect((await app.inject({ url, headers: key })).json()).toEqual({ from: 'emissary' });
    const document = (await app.inject('/emissary/openapi.json')).json();
    expect(document.info).toEqual({ title: 'Toy emissary', version: '1' });
    expect(Object.keys(document.paths)).toContain('/emissary/v1/things/{id}');
    expect(Object.keys(document.paths)).not.toContain('/emissary/openapi.json');
  });

  it('shares a path at the root with another when each names the header of its clients', async () => {
    const { app } = await start({
      apis: [
        toyApi('emissary', { credential: 'x-api-key', only: 'models' }),
        toyApi('mistral', { credential: 'authorization', only: 'models' }),
      ],
    });
    const bearer = { authorization: `Bearer ${adminKey}` };
    expect((await app.inject({ url: '/v1/models', headers: key })).json()).toEqual({ from: 'emissary' });
    expect((await app.inject({ url: '/v1/models', headers: bearer })).json()).toEqual({ from: 'mistral' });
    expect((await app.inject({ url: '/mistral/v1/models', headers: bearer })).json()).toEqual({ from: 'mistral' });
    expect((await app.inject('/v1/models')).statusCode).toBe(401);
  });

  it('can leave one header of a shared path to another API', async () => {
    const { app } = await start({
      apis: [
        toyApi('emissary', { only: 'models' }),
        toyApi('mistral', { credential: 'authorization', only: 'models' }),
      ],
    });
    expect((await app.inject({ url: '/v1/models', headers: key })).json()).toEqual({ from: 'emissary' });
    expect((await app.inject({ url: '/v1/models', headers: { authorization: `Bearer ${adminKey}` } })).json()).toEqual({
      from: 'mistral',
    });
  });
});

describe('an error', () => {
  it('has the shape of its API, and a plain one elsewhere', async () => {
    const { app } = await shared();
    expect((await app.inject('/v1/models')).json()).toEqual({ toy: 'emissary', problem: 'Missing or invalid API key' });
    expect((await app.inject({ url: '/emissary/v1/nothing', headers: key })).json()).toEqual({
      toy: 'emissary',
      problem: 'Route not found',
    });
    expect((await app.inject({ url: '/nothing', headers: key })).json()).toEqual({
      status: 404,
      error: 'Route not found',
      code: 'not_found',
    });
    expect((await app.inject({ url: '/%zz', headers: key })).json()).toMatchObject({
      status: 400,
      code: 'invalid_request',
    });
  });

  it.each([
    [{ count: 0 }, 'body.count'],
    [{ count: 'xyzzy' }, 'body.count'],
    [{ count: 1, note: 5 }, 'body.note'],
    [{ count: 1, colour: 'xyzzy' }, 'unknown field colour'],
    [[1, 2], 'body'],
  ])('of a body names the field and not what it held: %j', async (payload, named) => {
    const { app } = await shared();
    const answer = await app.inject({ method: 'POST', url: '/v1/things/1', headers: key, payload });
    expect(answer.statusCode).toBe(400);
    expect(answer.json().problem).toContain(named);
    expect(answer.body).not.toContain('xyzzy');
  });

  it.each([
    ['{"count": 1,}', 'application/json', 400],
    ['', 'application/json', 400],
    ['{"count": 1, "__proto__": {"admin": true}}', 'application/json', 400],
    ['{"count": 1, "constructor": {"prototype": {"admin": true}}}', 'application/json', 400],
    ['count=1', 'application/x-www-form-urlencoded', 415],
    ['<count>1</count>', 'text/xml', 415],
    [`{"count": 1, "note": "${'x'.repeat(5 << 20)}"}`, 'application/json', 413],
    [`${'['.repeat(100_000)}${']'.repeat(100_000)}`, 'application/json', 400],
  ])('is a refusal for a body that is not to be had: %.60s', async (payload, type, status) => {
    const { app } = await shared();
    const answer = await app.inject({
      method: 'POST',
      url: '/v1/things/1',
      headers: { ...key, 'content-type': type },
      payload,
    });
    expect(answer.statusCode).toBe(status);
    expect(answer.json()).toMatchObject({ toy: 'emissary' });
  });

  it('of the server itself says nothing of what happened, but the log does', async () => {
    const { app, logLines } = await shared();
    const answer = await app.inject({ url: '/v1/fail/bug', headers: key });
    expect([answer.statusCode, answer.json()]).toEqual([500, { toy: 'emissary', problem: 'Internal error' }]);
    const line = logLines.find((text) => text.includes('the secret of row 7'));
    expect(JSON.parse(line!)).toMatchObject({ level: 'error', requestId: answer.headers['x-request-id'] });
  });

  it('of the database is logged without the row that was refused', async () => {
    const { database, logLines } = await start({
      apis: [
        {
          ...toyApi('emissary'),
          routes: async (app) =>
            void app.get('/v1/twice', async () =>
              database
                .insertInto('workspaces')
                .values([
                  { id: 'xyzzy', name: 'a' },
                  { id: 'xyzzy', name: 'b' },
                ])
                .execute(),
            ),
        },
      ],
    });
    await apps.at(-1)!.app.inject({ url: '/v1/twice', headers: key });
    expect(logLines.some((line) => line.includes('23505'))).toBe(true);
    expect(logLines.filter((line) => line.includes('xyzzy'))).toEqual([]);
  });

  it('that may pass says when to come back', async () => {
    const { app } = await shared();
    const busy = await app.inject({ url: '/v1/fail/busy', headers: key });
    expect([busy.statusCode, busy.headers['retry-after']]).toEqual([429, '7']);
    expect((await app.inject({ url: '/v1/fail/full', headers: key })).statusCode).toBe(507);
  });
});

describe('every answer', () => {
  it('carries a request id of ours and headers that keep browsers from doing harm', async () => {
    const { app } = await shared();
    for (const url of ['/healthz', '/v1/models', '/nothing']) {
      const { headers } = await app.inject({ url, headers: { 'x-request-id': 'mine', 'request-id': 'mine' } });
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-store',
        'content-security-policy': expect.stringContaining("default-src 'none'"),
      });
      expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  it('is measured by the pattern of its route, without ids', async () => {
    const { app } = await start();
    await app.inject({ method: 'POST', url: '/v1/things/some-id', headers: key, payload: { count: 1 } });
    const metrics = (await app.inject({ url: '/metrics', headers: key })).body;
    expect(metrics).toContain(
      'atelier_http_request_duration_seconds_count{method="POST",route="/v1/things/:id",status="200"} 1',
    );
    expect(metrics).not.toContain('some-id');
  });

  it('is logged without what was sent', async () => {
    const { app, logLines } = await start();
    await app.inject({
      method: 'POST',
      url: '/v1/things/1?note=xyzzy',
      headers: key,
      payload: { count: 1, note: 'xyzzy' },
    });
    await app.inject({ method: 'POST', url: '/v1/things/1', headers: key, payload: { count: 'xyzzy' } });
    expect(logLines.some((line) => line.includes('/v1/things/:id'))).toBe(true);
    expect(logLines.filter((line) => line.includes('xyzzy'))).toEqual([]);
  });
});

describe('health', () => {
  it('is ready when every part is', async () => {
    let working = true;
    const { app } = await start({
      checks: {
        fine: async () => {},
        sometimes: async () => {
          if (!working) throw new Error('secret reason');
        },
      },
    });
    expect((await app.inject('/healthz')).json()).toEqual({ status: 'ok' });
    expect((await app.inject('/readyz')).json()).toEqual({ status: 'ready', checks: { fine: 'ok', sometimes: 'ok' } });
    working = false;
    const answer = await app.inject('/readyz');
    expect([answer.statusCode, answer.json()]).toEqual([
      503,
      { status: 'not ready', checks: { fine: 'ok', sometimes: 'failed' } },
    ]);
  });

  it('is not ready when a part does not answer', async () => {
    const { app } = await start({ checks: { stuck: () => new Promise(() => {}) } });
    expect((await app.inject('/readyz')).statusCode).toBe(503);
  });
});

describe('an upload', () => {
  const form = (bytes: number) => {
    const boundary = 'frontier';
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\nContent-Type: text/plain\r\n\r\n`;
    return {
      payload: Buffer.concat([Buffer.from(head), Buffer.alloc(bytes, 'x'), Buffer.from(`\r\n--${boundary}--\r\n`)]),
      headers: { ...key, 'content-type': `multipart/form-data; boundary=${boundary}` },
    };
  };

  it('is taken up to the limit and refused with 413 one byte after', async () => {
    const { app } = await start({ uploadLimit: 100_000 });
    expect((await app.inject({ method: 'POST', url: '/v1/upload', ...form(100_000) })).json()).toEqual({
      bytes: 100_000,
    });
    const answer = await app.inject({ method: 'POST', url: '/v1/upload', ...form(100_001) });
    expect([answer.statusCode, answer.json().problem]).toEqual([
      413,
      'The upload is larger than the limit of 100000 bytes',
    ]);
  });

  it('that says it is larger is refused before it is sent, and the client gets to read why', async () => {
    const { app } = await start({ uploadLimit: 100_000 });
    const port = await listen(app);
    const request = httpRequest({
      port,
      method: 'POST',
      path: '/v1/upload',
      headers: { ...form(0).headers, 'content-length': 3_000_000 },
    });
    request.on('error', () => {});
    request.write(Buffer.alloc(1_000_000));
    const [answer] = await once(request, 'response');
    expect(answer.statusCode).toBe(413);
    request.destroy();
  });

  it('without a key is refused before it is sent', async () => {
    const { app } = await start();
    const port = await listen(app);
    const request = httpRequest({ port, method: 'POST', path: '/v1/upload', headers: { 'content-length': 500_000 } });
    request.on('error', () => {});
    request.write(Buffer.alloc(1000));
    const [answer] = await once(request, 'response');
    expect(answer.statusCode).toBe(401);
    request.destroy();
  });
});

describe('a request', () => {
  /** Its handler waits until it is told to stop, and keeps the reason. */
  function waiting(): Api & { reasons: unknown[]; started: Promise<void> } {
    const started = Promise.withResolvers<void>();
    const reasons: unknown[] = [];
    return {
      ...toyApi('emissary'),
      reasons,
      started: started.promise,
      async routes(app) {
        app.post('/v1/wait', async (request) => {
          const signal = requestSignal(request);
          started.resolve();
          await Promise.race([sleep(1500), new Promise((resolve) => signal.addEventListener('abort', resolve))]);
          if (signal.aborted) reasons.push(signal.reason);
          signal.throwIfAborted();
          return { waited: true };
        });
      },
    };
  }

  it('is told when its client leaves', async () => {
    const api = waiting();
    const { app } = await start({ apis: [api] });
    const port = await listen(app);
    const socket = connect(port, '127.0.0.1');
    socket.write(
      `POST /v1/wait HTTP/1.1\r\nhost: x\r\nx-api-key: ${adminKey}\r\ncontent-length: 2\r\ncontent-type: application/json\r\n\r\n{}`,
    );
    await api.started;
    socket.destroy();
    for (const deadline = performance.now() + 1200; api.reasons.length === 0 && performance.now() < deadline;)
      await sleep(10);
    expect(api.reasons).toMatchObject([{ code: 'cancelled' }]);
  });

  it('is not stopped by having read its own body', async () => {
    const api = waiting();
    const { app } = await start({ apis: [api] });
    const port = await listen(app);
    const answer = await fetch(`http://127.0.0.1:${port}/v1/wait`, {
      method: 'POST',
      headers: { ...key, 'content-type': 'application/json' },
      body: '{}',
    });
    expect(await answer.json()).toEqual({ waited: true });
    expect(api.reasons).toEqual([]);
  });

  it('in flight is finished when the app closes, unless the time for that is over', async () => {
    const api = waiting();
    const { app } = await start({ apis: [api] });
    const port = await listen(app);
    const call = () =>
      fetch(`http://127.0.0.1:${port}/v1/wait`, {
        method: 'POST',
        headers: { ...key, 'content-type': 'application/json' },
        body: '{}',
      });
    const answer = call();
    await api.started;
    await app.close();
    expect(await (await answer).json()).toEqual({ waited: true });
    await expect(call()).rejects.toThrow();
  });

  it('in flight is told when the time is over', async () => {
    const api = waiting();
    const hardStop = new AbortController();
    const { app } = await start({ apis: [api], hardStop: hardStop.signal });
    const answer = app.inject({
      method: 'POST',
      url: '/v1/wait',
      headers: { ...key, 'content-type': 'application/json' },
      payload: '{}',
    });
    await api.started;
    hardStop.abort(new AtelierError('shutting_down'));
    expect((await answer).statusCode).toBe(503);
  });
});
