import type { Environment } from '../../src/config/environment.ts';
import { createConfig } from '../../src/config/config.ts';
import { type Overrides, type Server, startServer } from '../../src/main.ts';
import { silent } from './test-databases.ts';

/** The whole server on a data directory of a test: any free port, no GPU, no logs. */
export function testServer(
  directory: string,
  environment: Environment = {},
  overrides: Overrides = {},
): Promise<Server> {
  return startServer(createConfig({ ATELIER_DATA: directory, ATELIER_PORT: '0', ATELIER_GPU: 'off', ...environment }), {
    loggers: silent,
    ...overrides,
  });
}
