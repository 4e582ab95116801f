/** The server of `serve.ts` with an engine that gives the same vector for every text at once: what is measured is the rest. */
import type { Engine } from '@atelier/engine';
import { AtelierError } from '@atelier/errors';
import { createConfig } from '../../src/config/config.ts';
import { readEnvironment } from '../../src/config/environment.ts';
import { startServer } from '../../src/main.ts';

const refuse = (): never => {
  throw new AtelierError('shutting_down');
};
const engine: Engine = {
  load: refuse,
  pin: refuse,
  generate: refuse,
  tokenize: refuse,
  classify: refuse,
  rerank: refuse,
  embed: async ({ inputs }) => ({
    vectors: inputs.map(() => new Float32Array(8).fill(0.5)),
    usage: { promptTokens: inputs.length },
  }),
  status: () => ({
    running: 0,
    waiting: 0,
    promptTokens: 0,
    completionTokens: 0,
    crashes: 0,
    runners: [],
    quarantined: [],
  }),
  unload: async () => {},
  [Symbol.asyncDispose]: async () => {},
};

const server = await startServer(createConfig(readEnvironment()), { engine });
process.once('SIGTERM', () => void server[Symbol.asyncDispose]());
process.stdout.write(`${JSON.stringify({ url: server.url, adminKey: server.adminKey })}\n`);
