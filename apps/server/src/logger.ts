/**
 * The server's logs: JSON lines on standard error, one named logger for each area. What is logged is chosen at the call:
 * ids, counts and codes; never a key, a row of a data set, a prompt or an answer. The serializers below keep headers and
 * bodies out even when someone logs a whole request.
 */
import { type DestinationStream, type Logger, pino } from 'pino';

import { LogDestination } from './log-destination.ts';

export type { Logger } from 'pino';

export type Loggers = ReturnType<typeof createLoggers>;

export function createLoggers(level: string, destination: DestinationStream = new LogDestination()) {
  const root: Logger = pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: [
          'key',
          '*.key',
          'authorization',
          '*.authorization',
          'password',
          '*.password',
          'connectionString',
          '*.connectionString',
        ],
        censor: '[redacted]',
      },
      serializers: {
        err: describeError,
        req: (request: { id: string; method: string; routeOptions?: { url?: string } }) => ({
          id: request.id,
          method: request.method,
          route: request.routeOptions?.url,
        }),
        res: (reply: { statusCode: number }) => ({ status: reply.statusCode }),
      },
    },
    destination,
  );
  const named = (name: string) => root.child({ name });
  return {
    server: named('server'),
    http: named('http'),
    postgres: named('postgres'),
    database: named('database'),
    blobs: named('blobs'),
    jobs: named('jobs'),
    compute: named('compute'),
    access: named('access'),
    datasets: named('datasets'),
    models: named('models'),
    training: named('training'),
    deployments: named('deployments'),
    inference: named('inference'),
    engine: named('engine'),
    events: named('events'),
  };
}

/** Not every field of an error: PostgreSQL's, for one, carry the values of the row that was refused. */
function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { type: typeof error };
  const { code } = error as { code?: unknown };
  return {
    type: error.name,
    ...(typeof code === 'string' && { code }),
    message: error.message,
    stack: error.stack,
    ...(error.cause !== undefined && { cause: describeError(error.cause) }),
  };
}
