/** Whatever is sent: an answer below 500, in the published shape. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorSchema } from '../src/apis/emissary/schemas/errors.ts';
import { emissaryObjects, type EmissaryObjects } from './support/emissary-objects.ts';
import { emissaryServer, type EmissaryServer } from './support/emissary-server.ts';
import { type TestDatabases, testDatabases } from './support/test-databases.ts';

let databases: TestDatabases;
let server: EmissaryServer;
let objects: EmissaryObjects;
beforeAll(async () => {
  databases = await testDatabases();
  server = await emissaryServer(databases, { ATELIER_TRAINING_JOBS: '0' });
  objects = await emissaryObjects(server);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await databases[Symbol.asyncDispose]();
});

/** Values that break things: wrong types, extremes, texts that databases and parsers trip over. */
const nasty = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    [],
    {},
    '',
    0,
    -0,
    -1,
    2 ** 31,
    2 ** 53,
    1e308,
    -1e308,
    1e-320,
    '1',
    'NaN',
    '\0',
    '\ud800',
    '\u202e',
    'ds-',
    `tr-${'f'.repeat(24)}`,
  ),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.array(fc.oneof(fc.string(), fc.integer()), { maxLength: 3 }),
  fc.dictionary(
    fc.string({ maxLength: 10 }),
    fc.oneof(fc.string(), fc.double({ noNaN: true, noDefaultInfinity: true })),
    { maxKeys: 3 },
  ),
);

type Target = { url: () => string; valid: () => Record<string, unknown> };
const at = () => `/emissary/v1/projects/${objects.project}`;
const sampling = {
  do_sample: true,
  temperature: 0.7,
  max_new_tokens: 4,
  top_p: 0.9,
  top_k: 5,
  no_repeat_ngram_size: 2,
};
const targets: Record<string, Target> = {
  'a project': { url: () => '/emissary/v1/projects', valid: () => ({ name: 'x' }) },
  'a training job': {
    url: () => `${at()}/training-jobs`,
    valid: () => ({
      base_model: 'tiny-chat',
      train_dataset_id: objects.dataset,
      test_dataset_id: objects.dataset,
      name: 'n',
      description: 'd',
      task_type: 'text-generation',
      parameters: { num_train_epochs: 1, optim: 'adafactor' },
      lora_configs: { rank: 4, lora_alpha: 8, lora_dropout: 0.1 },
      quantization: 'fp16',
    }),
  },
  'a deployment': {
    url: () => `${at()}/deployments`,
    valid: () => ({
      training_job_id: objects.job,
      checkpoint: 1,
      server_type: 'on-demand',
      name: 'n',
      description: 'd',
    }),
  },
  'a completion': {
    url: () => `${at()}/deployments/${objects.deployment}/completions`,
    valid: () => ({ input: 'hello', ...sampling }),
  },
  'a chat completion': {
    url: () => `${at()}/deployments/${objects.deployment}/chat/completions`,
    valid: () => ({ messages: [{ role: 'user', content: 'hello' }], streaming: false, ...sampling }),
  },
  'an embedding': {
    url: () => `${at()}/deployments/${objects.deployment}/embeddings`,
    valid: () => ({ input: 'x', target: 'y', cosine: true }),
  },
};

/** A valid body with some of its fields replaced, removed or added to. */
const spoiled = (valid: Record<string, unknown>) =>
  fc
    .array(
      fc.tuple(
        fc.constantFrom(...Object.keys(valid), 'unknown', '__proto__', 'constructor'),
        fc.option(nasty, { nil: undefined }),
      ),
      { minLength: 1, maxLength: 3 },
    )
    .map((changes) => JSON.stringify(Object.fromEntries([...Object.entries(valid), ...changes])));

describe.each(Object.entries(targets))('%s', (_name, { url, valid }) => {
  it('survives spoiled bodies', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          { weight: 8, arbitrary: spoiled(valid()) },
          { weight: 1, arbitrary: nasty.map((value) => JSON.stringify(value)) },
          { weight: 1, arbitrary: fc.string() },
        ),
        async (body) => {
          const answer = await server.call('POST', url(), body);
          expect(answer.statusCode).toBeLessThan(500);
          if (answer.statusCode >= 400) errorSchema.parse(answer.json());
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('a body', () => {
  it('that is too deep, too large or of another type is refused', async () => {
    const deep = '['.repeat(100_000);
    for (const [body, type, status] of [
      [deep, 'application/json', 400],
      [JSON.stringify({ name: 'x'.repeat(5 << 20) }), 'application/json', 413],
      ['<name/>', 'application/xml', 415],
      ['name=x', 'application/x-www-form-urlencoded', 415],
    ] as const) {
      const answer = await server.inject({
        method: 'POST',
        url: '/emissary/v1/projects',
        headers: { 'x-api-key': server.adminKey, 'content-type': type },
        payload: body,
      });
      expect([type, answer.statusCode]).toEqual([type, status]);
      errorSchema.parse(answer.json());
    }
  });
});
