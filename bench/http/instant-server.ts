/**
 * The whole server with an engine that answers at once: what is left is what HTTP, keys, limits, logs and JSON cost. The
 * engine checks its requests and lets them in as the real one does.
 */
import { engineDouble } from '@atelier/engine/testing';
import { createConfig, startServer } from '@atelier/server';
import { Admission } from '../../packages/engine/src/admission.ts';
import { parseRequest } from '../../packages/engine/src/door.ts';
import { generateRequestSchema } from '../../packages/engine/src/generate-request.ts';

const text = 'The answer is here at once. ';
const usage = { promptTokens: 12, cachedTokens: 0, completionTokens: 6 };
const admission = new Admission({ maxRunning: 16, maxQueue: 256 });

const engine = engineDouble({
  async *generate(request, signal) {
    const { owner } = parseRequest(generateRequestSchema, request);
    const leave = await admission.enter(owner, signal ?? new AbortController().signal);
    try {
      yield { type: 'text', choice: 0, text };
      yield { type: 'finish', choice: 0, reason: 'stop', usage };
    } finally {
      leave();
    }
  },
});

const [data = '', adminKey = ''] = process.argv.slice(2);
const environment = { ATELIER_DATA: data, ATELIER_PORT: '0', ATELIER_TRAINING_JOBS: '0', ATELIER_ADMIN_KEY: adminKey };
const server = await startServer(createConfig(environment), { engine });
console.log(server.url);
process.once('SIGTERM', () => void server[Symbol.asyncDispose]());
