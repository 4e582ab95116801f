/** A server as a process of its own, for tests that kill it: settings from the environment, one JSON line when it is ready. */
import { createConfig } from '../../src/config/config.ts';
import { readEnvironment } from '../../src/config/environment.ts';
import { startServer } from '../../src/main.ts';

try {
  const server = await startServer(createConfig(readEnvironment()));
  const stop = () => void server[Symbol.asyncDispose]();
  process.once('SIGTERM', stop).once('SIGINT', stop);
  process.stdout.write(`${JSON.stringify({ url: server.url, adminKey: server.adminKey })}\n`);
} catch (error) {
  process.stdout.write(
    `${JSON.stringify({ error: (error as { code?: string }).code, message: (error as Error).message })}\n`,
  );
  process.exitCode = 1;
}
