/** Uploads over a real connection that do not go well. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './support/emissary-objects.ts';
import { emissaryServer, type EmissaryServer } from './support/emissary-server.ts';
import { sendUpload, type UploadTarget } from './support/send-upload.ts';
import { type TestDatabases, testDatabases } from './support/test-databases.ts';

const MiB = 1 << 20;
const limit = 8 * MiB;

let databases: TestDatabases;
let server: EmissaryServer;
let target: UploadTarget;
beforeAll(async () => {
  databases = await testDatabases();
  server = await emissaryServer(databases, { ATELIER_TRAINING_JOBS: '0', ATELIER_UPLOAD_LIMIT: String(limit) });
  target = {
    url: server.url,
    key: server.adminKey,
    project: (await server.call('POST', '/emissary/v1/projects', {})).json().id,
  };
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await databases[Symbol.asyncDispose]();
});

const row = Buffer.from(`${JSON.stringify({ prompt: 'p', completion: 'c'.repeat(995) })}\n`);
async function* rows(bytes: number): AsyncGenerator<Buffer> {
  for (let sent = 0; sent < bytes; sent += row.length) yield row;
}
const leftAside = () => readdir(path.join(server.directory, 'blobs', 'aside'));
const tooLarge = {
  status: 413,
  error: `The upload is larger than the limit of ${limit} bytes`,
  code: 'payload_too_large',
};

describe('an upload over the limit', () => {
  it('that says so is refused before anything of it is read', async () => {
    const answer = await sendUpload(target, (async function* () {})(), 2 * limit);
    expect([answer.status, JSON.parse(answer.body)]).toEqual([413, tooLarge]);
  });

  it('that does not say so is refused within a second of passing it, and leaves nothing', async () => {
    let passedAt = 0;
    async function* endless(): AsyncGenerator<Buffer> {
      for (let sent = 0; ; sent += row.length) {
        if (passedAt === 0 && sent > limit) passedAt = performance.now();
        yield row;
        if (sent > limit) await sleep(1);
      }
    }
    const answer = await sendUpload(target, endless());
    expect([answer.status, JSON.parse(answer.body)]).toEqual([413, tooLarge]);
    expect(performance.now() - passedAt).toBeLessThan(1000);
    expect(await leftAside()).toEqual([]);
  });

  it('by one byte is refused, and one of exactly the limit is not', async () => {
    const exactly = async function* (bytes: number): AsyncGenerator<Buffer> {
      const whole = Math.floor((bytes - 100) / row.length) * row.length;
      yield* rows(whole);
      const frame = JSON.stringify({ prompt: 'p', completion: '' });
      yield Buffer.from(JSON.stringify({ prompt: 'p', completion: 'c'.repeat(bytes - whole - frame.length) }));
    };
    expect((await sendUpload(target, exactly(limit))).status).toBe(201);
    expect((await sendUpload(target, exactly(limit + 1))).status).toBe(413);
  });
});

describe('an upload with a bad row', () => {
  it('is answered while the client still sends, and leaves nothing', async () => {
    async function* spoilt(): AsyncGenerator<Buffer> {
      yield Buffer.concat([row, Buffer.from('{"prompt":"secret"}\n')]);
      for (let i = 0; i < 4000; i++) {
        yield row;
        await sleep(1);
      }
    }
    const answer = await sendUpload(target, spoilt());
    expect([answer.status, JSON.parse(answer.body)]).toEqual([
      400,
      { status: 400, error: expect.stringMatching(/^Line 2, field completion: /), code: 'invalid_dataset' },
    ]);
    expect(answer.sent).toBeLessThan(2000 * row.length);
    expect(await leftAside()).toEqual([]);
  });

  it('is answered though the client pauses', async () => {
    async function* pausing(): AsyncGenerator<Buffer> {
      yield Buffer.concat([row, Buffer.from('{"prompt":"secret"}\n'), ...Array.from({ length: 100 }, () => row)]);
      await sleep(20_000, undefined, { ref: false });
    }
    const answer = await sendUpload(target, pausing());
    expect(answer.status).toBe(400);
    expect(answer.afterMs).toBeLessThan(5000);
  });
});

describe('an upload whose client leaves', () => {
  it('leaves nothing', async () => {
    const leaving = sendUpload(
      target,
      (async function* () {
        yield* rows(MiB);
        throw new Error('gone');
      })(),
    );
    await expect(leaving).rejects.toThrow();
    await eventually(leftAside, (files) => files.length === 0);
    expect((await server.call('GET', `/emissary/v1/projects/${target.project}/datasets`)).json()).toHaveLength(1);
  });
});

describe('many uploads at once', () => {
  it("do not get in each other's way", async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => sendUpload(target, rows(MiB))));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 201));
    expect(await leftAside()).toEqual([]);
  });
});
