/** The server of `serve.ts` with an engine that gives the same vector for every text at once: what is measured is the rest. */
import { engineDouble } from '@atelier/engine/testing';
import { createConfig } from '../../src/config/config.ts';
import { readEnvironment } from '../../src/config/environment.ts';
import { startServer } from '../../src/main.ts';

const engine = engineDouble({
  embed: async ({ inputs }) => ({
    vectors: inputs.map(() => new Float32Array(8).fill(0.5)),
    usage: { promptTokens: inputs.length },
  }),
});

const server = await startServer(createConfig(readEnvironment()), { engine });
process.once('SIGTERM', () => void server[Symbol.asyncDispose]());
process.stdout.write(`${JSON.stringify({ url: server.url, adminKey: server.adminKey })}\n`);
