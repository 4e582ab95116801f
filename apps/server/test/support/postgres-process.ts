/** Holds an embedded PostgreSQL in DIRECTORY until it is killed. */
import path from 'node:path';
import { createLoggers } from '../../src/logger.ts';
import { startEmbeddedPostgres } from '../../src/storage/postgres/embedded-postgres.ts';

const postgres = await startEmbeddedPostgres(
  path.join(process.env['DIRECTORY']!, 'postgres'),
  createLoggers('silent').postgres,
);
process.stdout.write(`${JSON.stringify({ pid: postgres.pid() })}\n`);
setInterval(() => {}, 60_000);
