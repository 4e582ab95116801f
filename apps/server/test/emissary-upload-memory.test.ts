/** The largest upload, to a server that is a process of its own: what it costs in memory, and that it is kept. */
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startChild, type TestChild } from './support/child-process.ts';
import { sendUpload, type UploadTarget } from './support/send-upload.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';

const MiB = 1 << 20;
const limit = 512 * MiB;

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let child: TestChild;
let target: UploadTarget;
beforeAll(async () => {
  directory = await temporaryDirectory();
  child = startChild(path.join(import.meta.dirname, 'support', 'serve.ts'), {
    ATELIER_DATA: directory.path,
    ATELIER_PORT: '0',
    ATELIER_GPU: 'off',
    ATELIER_LOG_LEVEL: 'silent',
    ATELIER_TRAINING_JOBS: '0',
  });
  const { url, adminKey: key } = (await child.lines.next()).value as { url: string; adminKey: string };
  const made = await fetch(`${url}/emissary/v1/projects`, { method: 'POST', headers: { 'x-api-key': key } });
  const { id: project } = (await made.json()) as { id: string };
  target = { url, key, project };
});
afterAll(async () => {
  await child[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

const row = `${JSON.stringify({ prompt: 'What does the manual say about this? '.repeat(30), completion: 'It says: '.repeat(100) })}\n`;
const frame = JSON.stringify({ prompt: 'p', completion: '' });

/** `bytes` of JSONL: equal rows, and a last one that fills it up. */
async function* file(bytes: number): AsyncGenerator<Buffer> {
  const piece = Buffer.from(row.repeat(Math.ceil((256 << 10) / row.length)));
  let left = bytes;
  for (; left >= piece.length + row.length; left -= piece.length) yield piece;
  for (; left >= row.length + frame.length; left -= row.length) yield Buffer.from(row);
  yield Buffer.from(JSON.stringify({ prompt: 'p', completion: 'c'.repeat(left - frame.length) }));
}

/** Resident memory of the server, in bytes: now, or the most since the last reset. */
async function resident(which: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${child.child.pid}/status`, 'utf8');
  return Number(new RegExp(`${which}:\\s+(\\d+) kB`).exec(status)![1]) * 1024;
}

it('an upload of 512 MB takes at most 64 MB more memory and is kept byte for byte', async () => {
  for (let i = 0; i < 3; i++) expect((await sendUpload(target, file(8 * MiB))).status).toBe(201); // code is compiled, pools are filled
  await writeFile(`/proc/${child.child.pid}/clear_refs`, '5');
  const before = await resident('VmRSS');
  const answer = await sendUpload(target, file(limit), limit);
  expect(answer).toMatchObject({ status: 201 });
  expect(((await resident('VmHWM')) - before) / MiB).toBeLessThan(64);

  const hash = createHash('sha256');
  for await (const piece of file(limit)) hash.update(piece);
  const { id } = JSON.parse(answer.body);
  const url = `${target.url}/emissary/v1/projects/${target.project}/datasets/${id}`;
  const detail = await fetch(url, { headers: { 'x-api-key': target.key } });
  const { dataset_download_url } = (await detail.json()) as { dataset_download_url: string };
  const link = await fetch(dataset_download_url, { method: 'HEAD' });
  expect([link.headers.get('content-length'), link.headers.get('etag')]).toEqual([
    String(limit),
    `"${hash.digest('hex')}"`,
  ]);
  expect(await readdir(path.join(directory.path, 'blobs', 'aside'))).toEqual([]);
}, 240_000);
