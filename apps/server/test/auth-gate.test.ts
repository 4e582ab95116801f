import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAccess } from '../src/core/access/access.ts';
import { adminKey, testApp, type TestApp } from './support/test-app.ts';
import { type TestDatabases, testDatabases } from './support/test-databases.ts';
import { toyApi } from './support/toy-api.ts';

let databases: TestDatabases;
let test: TestApp;
const api = toyApi('emissary');

beforeAll(async () => {
  databases = await testDatabases();
  test = await testApp(databases, { apis: [api] });
});
afterAll(async () => {
  await test[Symbol.asyncDispose]();
  await databases[Symbol.asyncDispose]();
});

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS';
const request = (method: string, url: string, headers: Record<string, string> = {}) =>
  test.app.inject({ method: method as Method, url, headers });

async function badCredentials(): Promise<[string, Record<string, string>][]> {
  const identity = (await test.access.authenticate(adminKey))!;
  const revoked = await test.access.createKey(identity, 'revoked');
  await test.access.revokeKey(identity, revoked.id);
  return [
    ['none', {}],
    ['an unknown key', { 'x-api-key': 'ak-unknown' }],
    ['an unknown bearer', { authorization: 'Bearer ak-unknown' }],
    ['an empty key', { 'x-api-key': '' }],
    ['an empty key beside a good bearer', { 'x-api-key': '', authorization: `Bearer ${adminKey}` }],
    ['an unknown key beside a good bearer', { 'x-api-key': 'ak-unknown', authorization: `Bearer ${adminKey}` }],
    ['a revoked key', { 'x-api-key': revoked.key }],
    ['a revoked bearer', { authorization: `Bearer ${revoked.key}` }],
    ['another scheme', { authorization: `Basic ${Buffer.from(`admin:${adminKey}`).toString('base64')}` }],
    ['a key without a scheme', { authorization: adminKey }],
    ['a key in upper case', { 'x-api-key': adminKey.toUpperCase() }],
    ['a key cut short', { 'x-api-key': adminKey.slice(0, -1) }],
    ['a key with more', { 'x-api-key': `${adminKey}x` }],
    ['a key twice', { 'x-api-key': `${adminKey}, ${adminKey}` }],
    ['a very long key', { 'x-api-key': 'k'.repeat(8000) }],
    ['SQL', { 'x-api-key': "' or 1=1; drop table api_keys; --" }],
    ['a cookie', { cookie: `x-api-key=${adminKey}` }],
  ];
}

describe('the auth gate', () => {
  it('refuses every route that is not public, for every credential that is not good', async () => {
    const credentials = await badCredentials();
    const guarded = test.app.routeTable.filter((route) => !route.public);
    expect(guarded.length).toBeGreaterThan(10);
    for (const { method, url } of guarded) {
      for (const [name, headers] of credentials) {
        for (const target of [url, `${url}?api_key=${adminKey}&key=${adminKey}`]) {
          const answer = await request(method, target, headers);
          expect(answer.statusCode, `${method} ${target} with ${name}`).toBe(401);
          expect(answer.headers['www-authenticate']).toBe('Bearer');
        }
      }
    }
    expect(api.calls).toBe(0);
  });

  it('lets these routes alone be called without a key', () => {
    const open = test.app.routeTable.filter((route) => route.public).map(({ method, url }) => `${method} ${url}`);
    expect(open.toSorted()).toEqual([
      'GET /download/:token',
      'GET /emissary/openapi.json',
      'GET /healthz',
      'GET /readyz',
      'HEAD /download/:token',
    ]);
  });

  it('stands before paths that do not exist, and cannot be walked around', async () => {
    const paths = [
      '/nothing',
      '/v1/nothing',
      '/emissary/nothing',
      '//v1/models',
      '/v1//models',
      '/V1/MODELS',
      '/v1/models/',
      '/v1%2fmodels',
      '/%76%31/models',
      '/healthz/../v1/models',
      '/healthz/%2e%2e/v1/models',
      '/v1/models;x=/healthz',
      '/emissary/../v1/models',
    ];
    for (const path of paths) expect((await request('GET', path)).statusCode, path).toBe(401);
    for (const method of ['PUT', 'PATCH', 'DELETE', 'OPTIONS'])
      expect((await request(method, '/v1/models')).statusCode, method).toBe(401);
    expect((await request('GET', '/nothing', { 'x-api-key': adminKey })).statusCode).toBe(404);
    expect(api.calls).toBe(0);
  });

  it('takes a good key in either header', async () => {
    const expected = { workspaceId: 'ws-default', userId: 'user-admin', keyId: expect.stringMatching(/^key-/) };
    for (const headers of [
      { 'x-api-key': adminKey },
      { authorization: `Bearer ${adminKey}` },
      { authorization: `bearer  ${adminKey} ` },
    ]) {
      expect((await request('GET', '/v1/me', headers as Record<string, string>)).json()).toEqual(expected);
    }
  });

  it('keeps keys out of the logs', () => {
    expect(test.logLines.length).toBeGreaterThan(100);
    expect(test.logLines.filter((line) => line.includes(adminKey) || line.includes('ak-'))).toEqual([]);
  });
});

describe('keys', () => {
  it('are stored as hashes only', async () => {
    const { rows } = await test.pool.query<{ row: string }>('select api_keys::text as row from api_keys');
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.filter(({ row }) => row.includes(adminKey))).toEqual([]);
  });

  it('are random, speak for their maker alone, and can be revoked in their own workspace only', async () => {
    const identity = (await test.access.authenticate(adminKey))!;
    const made = await test.access.createKey(identity, 'second');
    expect(Buffer.from(made.key.slice(3), 'base64url').byteLength).toBe(32);
    expect(await test.access.authenticate(made.key)).toEqual({ ...identity, keyId: made.id });
    const stranger = { workspaceId: 'ws-other', userId: 'user-other', keyId: 'key-other' };
    await expect(test.access.revokeKey(stranger, made.id)).rejects.toMatchObject({ code: 'not_found' });
    expect(await test.access.authenticate(made.key)).not.toBeNull();
    await test.access.revokeKey(identity, made.id);
    expect(await test.access.authenticate(made.key)).toBeNull();
  });

  it('that another server revokes are good for a second more at most', async () => {
    const identity = (await test.access.authenticate(adminKey))!;
    const other = createAccess(test.database);
    const made = await test.access.createKey(identity, 'elsewhere');
    expect(await test.access.authenticate(made.key)).not.toBeNull();
    await other.revokeKey(identity, made.id);
    expect(await other.authenticate(made.key)).toBeNull();
    while ((await test.access.authenticate(made.key)) !== null) await sleep(20);
  }, 60_000);

  it('are looked up once for many requests, and not from memory once they are revoked', async () => {
    const identity = (await test.access.authenticate(adminKey))!;
    const made = await test.access.createKey(identity, 'busy');
    const many = await Promise.all(Array.from({ length: 200 }, () => test.access.authenticate(made.key)));
    expect(new Set(many.map((each) => each?.keyId))).toEqual(new Set([made.id]));
    const during = test.access.authenticate(made.key);
    await test.access.revokeKey(identity, made.id);
    await during;
    expect(await test.access.authenticate(made.key)).toBeNull();
  });

  it('of the administrator give way to the one in the setting', async () => {
    await test.access.ensureAdministrator('another-admin-key');
    expect(await test.access.authenticate(adminKey)).toBeNull();
    expect(await test.access.authenticate('another-admin-key')).toMatchObject({ userId: 'user-admin' });
    await test.access.ensureAdministrator(adminKey);
    expect(await test.access.authenticate(adminKey)).toMatchObject({ userId: 'user-admin' });
    expect(await test.access.authenticate('another-admin-key')).toBeNull();
  });

  it('remember when they were last used', async () => {
    await test.access.authenticate(adminKey);
    const { last_used_at } = await test.database
      .selectFrom('api_keys')
      .select('last_used_at')
      .where('name', '=', 'admin')
      .where('revoked_at', 'is', null)
      .executeTakeFirstOrThrow();
    expect(Math.abs(Date.now() - last_used_at!.getTime())).toBeLessThan(60_000);
  });
});
