/**
 * Content on this machine's disk, named by its SHA-256. What `put` has acknowledged is on disk: it is written aside while
 * it is hashed, fsynced, renamed, and only then written down in the table `blobs`; the row that names it comes after that.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { AtelierError } from '@atelier/errors';
import type { Database } from '../database/database.ts';
import { syncDirectory } from '../sync-directory.ts';
import { lockBlob } from './blob-lock.ts';
import { asideDirectory, blobPath } from './blob-path.ts';

export type StoredBlob = { sha256: string; bytes: number };
/** First and last byte, both included. */
export type ByteRange = { start: number; end: number };

export interface BlobStore {
  /**
   * Stores `content`, holding no more than a chunk of it in memory.
   * @throws AtelierError `payload_too_large` past `limit` bytes, `storage_full`; the signal's reason when it aborts.
   */
  put(content: AsyncIterable<Uint8Array>, options?: { limit?: number; signal?: AbortSignal }): Promise<StoredBlob>;
  /** Stores a copy of a file. */
  putFile(file: string, signal?: AbortSignal): Promise<StoredBlob>;
  /** @throws AtelierError `not_found` */
  size(sha256: string): Promise<number>;
  /** Reads all of it, or `range`, which the caller has checked against `size`. Errors come through the stream. */
  read(sha256: string, range?: ByteRange): Readable;
  /** A path that native code and child processes may read until the blob is swept. @throws AtelierError `not_found` */
  localPath(sha256: string): Promise<string>;
  /** Throws when content could not be stored right now. */
  probe(): Promise<void>;
}

/** A store under `root`, which is made when missing. */
export async function openBlobStore(root: string, database: Database): Promise<BlobStore> {
  const aside = asideDirectory(root);
  await mkdir(aside, { recursive: true, mode: 0o700 });

  async function put(
    content: AsyncIterable<Uint8Array>,
    { limit = Infinity, signal }: { limit?: number; signal?: AbortSignal } = {},
  ) {
    const temporary = path.join(aside, randomUUID());
    const file = await open(temporary, 'wx', 0o600);
    try {
      const stored = await writeHashed(file, content, limit, signal).finally(() => file.close());
      await database.transaction().execute(async (transaction) => {
        await lockBlob(transaction, stored.sha256);
        await moveIntoPlace(temporary, blobPath(root, stored.sha256));
        await transaction
          .insertInto('blobs')
          .values(stored)
          .onConflict((conflict) => conflict.column('sha256').doUpdateSet((row) => ({ put_at: row.fn<Date>('now') })))
          .execute();
      });
      return stored;
    } catch (error) {
      await rm(temporary, { force: true });
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') throw new AtelierError('storage_full', {}, error);
      throw error;
    }
  }

  async function size(sha256: string): Promise<number> {
    const found = await stat(blobPath(root, sha256)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') throw new AtelierError('not_found', { kind: 'blob' }, error);
      throw error;
    });
    return found.size;
  }

  return {
    put,
    putFile: (file, signal) => put(contentOf(file), signal ? { signal } : {}),
    size,
    read: (sha256, range) => createReadStream(blobPath(root, sha256), range),
    async localPath(sha256) {
      await size(sha256);
      return blobPath(root, sha256);
    },
    async probe() {
      const file = path.join(aside, randomUUID());
      await open(file, 'wx', 0o600).then((handle) => handle.close());
      await rm(file);
    },
  };
}

/** Opened when it is asked for: a stream that fails before anyone listens would take the process down. */
async function* contentOf(file: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(file);
}

async function writeHashed(
  file: FileHandle,
  content: AsyncIterable<Uint8Array>,
  limit: number,
  signal?: AbortSignal,
): Promise<StoredBlob> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of content) {
    signal?.throwIfAborted();
    bytes += chunk.byteLength;
    if (bytes > limit) throw new AtelierError('payload_too_large', { limit });
    hash.update(chunk);
    for (let written = 0; written < chunk.byteLength;) written += (await file.write(chunk, written)).bytesWritten;
  }
  signal?.throwIfAborted();
  await file.sync();
  return { sha256: hash.digest('hex'), bytes };
}

/** Every directory that gained a name is fsynced, or a power cut could undo the rename. */
async function moveIntoPlace(temporary: string, target: string): Promise<void> {
  const directory = path.dirname(target);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await rename(temporary, target);
  const parent = path.dirname(directory);
  for (const changed of [directory, parent, path.dirname(parent)]) await syncDirectory(changed);
}
