import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { AtelierError } from '@atelier/errors';
import type { HubFile } from './choose-files.ts';
import { hubError, statusError } from './hub-error.ts';

export type Source = { endpoint: string; repo: string; commit: string; token: string | undefined };

export type DownloadOptions = {
  signal: AbortSignal | undefined;
  /** How many bytes of the file are there. */
  onBytes: (bytes: number) => void;
  /** Before the next attempt after one that brought nothing; doubled each time. */
  backoffMs?: number | undefined;
};

/** Attempts in a row that bring nothing. */
const mostFailures = 5;

/**
 * A file of a repository, as it was at a commit. What an earlier attempt, or an earlier process, has left in `to`.part is gone
 * on with; the whole is compared with the hub's hash before it takes the name `to`.
 * @throws AtelierError `hub_unavailable`, `hub_refused`, `invalid_model_file`, `cancelled`, `storage_full`
 */
export async function downloadFile(file: HubFile, to: string, source: Source, options: DownloadOptions): Promise<void> {
  const { signal, onBytes, backoffMs = 500 } = options;
  if ((await sizeOf(to)) === file.size) return onBytes(file.size); // it was compared before it got its name
  await mkdir(path.dirname(to), { recursive: true });
  const part = `${to}.part`;
  for (let failures = 0; ;) {
    const before = await sizeOf(part);
    if (before === file.size) break;
    try {
      await append(file, part, before > file.size ? 0 : before, source, options);
    } catch (thrown) {
      const error = hubError(thrown, source.endpoint, source.repo, signal);
      if (!error.retryable || error.code !== 'hub_unavailable') throw error;
      failures = (await sizeOf(part)) > before ? 1 : failures + 1;
      if (failures === mostFailures) throw error;
      await pause(backoffMs * 2 ** (failures - 1), undefined, { signal }).catch(() => {
        throw new AtelierError('cancelled');
      });
    }
  }
  onBytes(file.size);
  await compare(file, part, signal);
  await rename(part, to);
}

async function append(
  file: HubFile,
  part: string,
  from: number,
  { endpoint, repo, commit, token }: Source,
  { signal, onBytes }: DownloadOptions,
): Promise<void> {
  const name = file.path.split('/').map(encodeURIComponent).join('/');
  // fetch leaves the token behind when it is sent on to another origin, as the hub does for large files.
  const response = await fetch(`${endpoint}/${repo}/resolve/${commit}/${name}`, {
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(from > 0 && { range: `bytes=${from}-` }),
      'accept-encoding': 'identity',
    },
    ...(signal && { signal }),
  });
  if (response.status === 416) await rm(part, { force: true });
  if (!response.ok || !response.body) {
    await response.body?.cancel();
    throw statusError(response.status, endpoint, repo);
  }
  const goesOn = response.status === 206 && response.headers.get('content-range')?.startsWith(`bytes ${from}-`);
  await using handle = await open(part, goesOn ? 'a' : 'w', 0o600);
  let there = goesOn ? from : 0;
  for await (const chunk of response.body) {
    there += chunk.length;
    if (there > file.size) {
      await rm(part, { force: true });
      throw damaged(file, `it is longer than the ${file.size} bytes that the hub tells`);
    }
    await handle.writeFile(chunk);
    onBytes(there);
  }
  await handle.sync();
  if (there < file.size) throw new Error('the file broke off');
}

/** Large files have their SHA-256 in the hub's list, others the name that git gives a blob: SHA-1 of a header and the content. */
async function compare(file: HubFile, part: string, signal: AbortSignal | undefined): Promise<void> {
  const expected = file.lfs?.oid ?? file.oid;
  const hash = createHash(file.lfs ? 'sha256' : 'sha1');
  if (!file.lfs) hash.update(`blob ${file.size}\0`);
  try {
    for await (const chunk of createReadStream(part, { signal })) hash.update(chunk as Buffer);
  } catch (error) {
    throw signal?.aborted ? new AtelierError('cancelled', {}, error) : error;
  }
  if (expected?.replace(/^sha256:/, '') === hash.digest('hex')) return;
  await rm(part, { force: true });
  throw damaged(file, "what was downloaded does not have the hub's hash");
}

function damaged(file: HubFile, reason: string): AtelierError {
  return new AtelierError('invalid_model_file', { file: file.path, reason });
}

async function sizeOf(file: string): Promise<number> {
  return (await stat(file).catch(() => ({ size: 0 }))).size;
}
