/** A crash inside native code, seen by whoever has a stream open at that moment, and by whoever comes next. */
import { createEngine, type Engine } from '@atelier/engine';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { childEnvironment } from '../src/config/environment.ts';
import { emissaryObjects, eventually } from './support/emissary-objects.ts';
import { emissaryServer, type EmissaryServer } from './support/emissary-server.ts';
import { silent, testDatabases } from './support/test-databases.ts';

const patience = 120_000;
/** The issue asks for 5 s; a machine that does other things meanwhile gets more. docs/guide/deploying.md has what was measured. */
const nextWithinMs = 30_000;

const stack = new AsyncDisposableStack();
let engine: Engine;
let server: EmissaryServer;
let client: OpenAI;
let deployment: string;
beforeAll(async () => {
  const databases = stack.use(await testDatabases());
  engine = stack.use(createEngine({ environment: childEnvironment(), gpu: 'off', threads: 1, logger: silent.engine }));
  server = stack.use(await emissaryServer(databases, { ATELIER_TRAINING_JOBS: '0' }, { engine }));
  client = new OpenAI({ apiKey: server.adminKey, baseURL: `${server.url}/openai/v1`, maxRetries: 0 });
  const objects = await emissaryObjects(server, 'tiny-long');
  deployment = `/emissary/v1/projects/${objects.project}/deployments/${objects.deployment}`;
  await eventually(
    async () => (await server.call('GET', deployment)).json().status,
    (status) => status === 'Deployed',
  );
}, patience);
afterAll(() => stack.disposeAsync());

// The tiny model does not come to an end by itself.
const model = 'tiny-long';
const messages = [{ role: 'user' as const, content: 'Count.' }];
const endless = { model, temperature: 0, stream: true as const };
const longest = 100_000;
const status = 503;
const error = { type: 'server_error', code: 'runner_crashed' };

/** By API: a request for a stream, and the last frame of one that a crash has ended. */
const streams: [path: () => string, body: object, last: RegExp | object][] = [
  [() => '/openai/v1/chat/completions', { ...endless, messages, n: 2 }, { error }],
  [() => '/openai/v1/completions', { ...endless, prompt: 'Count', max_tokens: longest }, { error }],
  [
    () => '/openai/v1/responses',
    { ...endless, input: 'Count.' },
    { type: 'response.failed', response: { status: 'failed', error: { code: 'server_error' } } },
  ],
  [() => '/mistral/v1/chat/completions', { ...endless, messages }, { object: 'error', type: 'service_unavailable' }],
  [
    () => '/mistral/v1/conversations',
    { model, stream: true, inputs: 'Count.', completion_args: { temperature: 0, max_tokens: longest } },
    { type: 'conversation.response.error', code: status },
  ],
  [
    () => `${deployment}/chat/completions`,
    { messages, streaming: true, max_new_tokens: longest },
    { status, code: 'runner_crashed' },
  ],
];

const post = (path: string, body: object) =>
  fetch(server.url + path, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${server.adminKey}`,
      'x-api-key': server.adminKey,
      'content-type': 'application/json',
    },
    body: JSON.stringify(body),
  });

/** A stream that has brought its first piece of text, and how it ends. */
async function begin(path: string, body: object): Promise<{ rest: Promise<string> }> {
  const response = await post(path, body);
  expect([path, response.status]).toEqual([path, 200]);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  const read = async (): Promise<boolean> => {
    const { done, value = '' } = await reader.read();
    text += value;
    return !done;
  };
  // Some begin with frames that carry no text.
  while (text.split('\n\n').length < 8) expect(await read()).toBe(true);
  const rest = (async () => {
    while (await read());
    return text;
  })();
  return { rest };
}

it(
  'ends every open stream with an error in its own form, and the next request is served',
  async () => {
    const open = await Promise.all(streams.map(([path, body]) => begin(path(), body)));
    const official = await client.chat.completions.create({ ...endless, messages });
    const chunks = official[Symbol.asyncIterator]();
    await chunks.next();
    const { pid } = engine.status().runners.find((runner) => runner.model.endsWith(`${model}.gguf`))!;
    process.kill(pid, 'SIGSEGV');
    const crashed = performance.now();
    await open[0]!.rest; // a request that reaches the process while it dies is inside it
    const next = await client.chat.completions.create({ model, messages, max_tokens: 3 });
    const took = performance.now() - crashed;
    expect(next.usage!.completion_tokens).toBe(3);
    expect(took).toBeLessThan(nextWithinMs);

    for (const [index, [path, , last]] of streams.entries()) {
      const text = await open[index]!.rest;
      const frames = text.split('\n\n');
      expect([path(), frames.pop()]).toEqual([path(), '']);
      expect(text).not.toContain('[DONE]');
      expect(JSON.parse(/^data: (.*)$/m.exec(frames.at(-1)!)![1]!)).toMatchObject(last);
    }
    const ended = (async () => {
      while (!(await chunks.next()).done);
    })();
    await expect(ended).rejects.toBeInstanceOf(OpenAI.APIError);
    await expect(ended).rejects.toMatchObject(error);
    expect(engine.status()).toMatchObject({ crashes: 1, quarantined: [] });
  },
  patience,
);

it(
  'is an error with a status of its own for whoever waits for a whole answer',
  async () => {
    const waiting = client.chat.completions.create({ model, temperature: 0, messages });
    waiting.catch(() => {});
    await eventually(
      async () => engine.status().runners.find(({ running }) => running > 0),
      (runner) => {
        if (runner) process.kill(runner.pid, 'SIGKILL'); // from outside: nothing is put down to the model
        return runner !== undefined;
      },
    );
    await expect(waiting).rejects.toMatchObject({ status, ...error });
    expect((await client.chat.completions.create({ model, messages, max_tokens: 2 })).choices).toHaveLength(1);
  },
  patience,
);
