import { inspect } from 'node:util';

/** To the engine's log, line by line. */
export function log(message: unknown): void {
  process.stderr.write(`${typeof message === 'string' ? message : inspect(message)}\n`);
}
