/**
 * PostgreSQL as a child of the server: its own cluster inside the data directory, a Unix socket and no TCP port.
 * Whoever calls this holds the data directory's lock.
 */
import { chmod, chown, mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AtelierError } from '@atelier/errors';
import type { PoolConfig } from 'pg';
import type { Logger } from '../../logger.ts';
import { type Account, checkReachable, unprivilegedAccount } from './account.ts';
import { findPostgresBinaries, type PostgresBinaries } from './binaries.ts';
import { databaseUser, initialiseCluster } from './initialise-cluster.ts';
import { postmasterPid, stopLeftover } from './leftover.ts';
import { socketDirectory } from './socket-directory.ts';
import { supervisedSpawn } from './supervised-spawn.ts';

export type EmbeddedPostgres = AsyncDisposable & {
  connection: PoolConfig;
  /** Of the postmaster that runs now. */
  pid(): number | null;
};

/** Small: one server's few connections. WAL is kept short because nothing replicates from here. */
const options = [
  'listen_addresses=',
  'unix_socket_permissions=0700',
  'max_connections=50',
  'shared_buffers=64MB',
  'wal_level=minimal',
  'max_wal_senders=0',
  'max_wal_size=256MB',
  'min_wal_size=32MB',
  'timezone=UTC',
  'log_timezone=UTC',
  'log_line_prefix=',
  'log_min_messages=warning',
  'log_checkpoints=off',
];

const START_LIMIT_MS = 60_000;
/** A fast shutdown writes a checkpoint; on a slow disk that takes a while. */
const STOP_LIMIT_MS = 20_000;
const RESTART_PAUSE_MS = 500;

/**
 * Starts PostgreSQL in `directory` (made when missing, initialised when empty), after stopping what an earlier server
 * may have left there. A postmaster that dies on its own is started again.
 * @throws AtelierError `database_unusable`, `invalid_setting` (a directory that PostgreSQL's user cannot reach).
 */
export async function startEmbeddedPostgres(directory: string, logger: Logger): Promise<EmbeddedPostgres> {
  const binaries = await findPostgresBinaries();
  const account = await unprivilegedAccount(path.join(directory, 'cluster'));
  await mkdir(directory, { recursive: true, mode: 0o700 });
  if (account) {
    await checkReachable(directory, account, 'ATELIER_DATA');
    await checkReachable(binaries.postgres, account, 'DATABASE_URL');
    await chown(directory, account.uid, account.gid);
  }
  await chmod(directory, 0o700);
  const cluster = await initialiseCluster(directory, binaries, account);
  const socket = await socketDirectory(directory, account?.uid ?? process.getuid?.() ?? 0);
  if (account && socket.temporary) await chown(socket.directory, account.uid, account.gid);

  const stopping = new AbortController();
  const start = () => startPostmaster(binaries, cluster, socket.directory, account, logger);
  let postmaster = await start();
  const watched = watch();

  async function watch(): Promise<void> {
    for (;;) {
      const code = await postmaster.exited;
      if (stopping.signal.aborted) return;
      logger.error({ code }, 'PostgreSQL stopped by itself; starting it again');
      await sleep(RESTART_PAUSE_MS);
      if (stopping.signal.aborted) return;
      postmaster = await start().catch((error: unknown) => {
        logger.error({ err: error }, 'PostgreSQL does not start');
        return postmaster;
      });
      if (stopping.signal.aborted) await postmaster.stop();
    }
  }

  return {
    connection: { host: socket.directory, user: databaseUser, database: 'postgres' },
    pid: () => postmaster.pid,
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await postmaster.stop();
      await watched;
      if (socket.temporary) await rm(socket.directory, { recursive: true, force: true });
    },
  };
}

type Postmaster = { pid: number; exited: Promise<number | null>; stop(): Promise<void> };

async function startPostmaster(
  binaries: PostgresBinaries,
  cluster: string,
  socket: string,
  account: Account | null,
  logger: Logger,
): Promise<Postmaster> {
  const leftover = await stopLeftover(cluster);
  if (leftover !== null) logger.warn({ pid: leftover }, 'stopped the PostgreSQL of an earlier start');
  // A postmaster that was killed leaves its file, "ready" and all. It stays: PostgreSQL finds in it the shared memory that
  // must be free before it starts.
  const readStatus = () => readFile(path.join(cluster, 'postmaster.pid'), 'utf8').catch(() => '');
  const stale = await readStatus();
  const command = [binaries.postgres, '-D', cluster, '-k', socket, ...options.flatMap((option) => ['-c', option])];
  const child = supervisedSpawn(command, cluster, account);
  const complaints: string[] = [];
  child.stderr!.setEncoding('utf8').on('data', (chunk: string) => {
    for (const line of chunk.split('\n').filter(Boolean)) {
      logger.debug({ line }, 'postgres');
      complaints.push(line);
      if (complaints.length > 20) complaints.shift();
    }
  });
  child.stdin!.on('error', () => {}); // the child may be gone before the pipe is ended
  let running = true;
  const exited = new Promise<number | null>((resolve, reject) =>
    child.once('error', reject).once('close', resolve),
  ).finally(() => {
    running = false;
    child.stdin!.end();
  });

  async function stop(): Promise<void> {
    const pid = await postmasterPid(cluster);
    child.stdin!.end();
    const timer = setTimeout(() => {
      logger.warn('PostgreSQL takes long to stop; stopping it at once');
      if (running && pid !== null) process.kill(pid, 'SIGQUIT');
    }, STOP_LIMIT_MS);
    await exited;
    clearTimeout(timer);
  }

  for (const deadline = performance.now() + START_LIMIT_MS; performance.now() < deadline;) {
    const status = await readStatus();
    const lines = status.split('\n');
    if (running && status !== stale && lines[7]?.trim() === 'ready') return { pid: Number(lines[0]), exited, stop };
    if (!running)
      throw new AtelierError('database_unusable', { reason: `PostgreSQL did not start: ${complaints.join(' | ')}` });
    await Promise.race([sleep(15), exited]);
  }
  await stop();
  throw new AtelierError('database_unusable', {
    reason: `PostgreSQL was not ready in ${START_LIMIT_MS / 1000} s: ${complaints.join(' | ')}`,
  });
}
