/** Against the real thing, built from the bundled source, where there is one: LLAMA_SERVER says where. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRemoteEngine, type Engine, type GenerateEvent, type GenerateRequest } from '../../src/index.ts';
import { TinyModels, tinyEngine } from '../tiny-engine.ts';

const program = process.env['LLAMA_SERVER'] ?? '/work/yard/llama.cpp/build/bin/llama-server';
const chatTemplate =
  '{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}' +
  '{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}';

/** A model of random weights writes halves of characters, which each engine keeps back in its own way. */
const ascii = { gbnf: 'root ::= [a-zA-Z ]*' };

describe.skipIf(!existsSync(program))('a llama-server', { timeout: 120_000 }, () => {
  const stack = new AsyncDisposableStack();
  let models: TinyModels;
  let local: Engine;
  let remote: ReturnType<typeof createRemoteEngine>;
  let file: string;
  let adapter: string;

  beforeAll(async () => {
    models = stack.use(await TinyModels.create());
    file = await models.model('tiny.gguf', { chatTemplate, context: 512 });
    adapter = await models.adapter('tiny-adapter.gguf', { seed: 7 });
    local = stack.use(tinyEngine());
    const port = await freePort();
    stack.use(startServer(['-m', file, '--port', String(port), '--lora', adapter]));
    remote = stack.use(
      createRemoteEngine({
        logger: { debug() {}, info() {}, warn() {} },
        backoffMs: 50,
        lookMs: 200,
        services: [{ name: 's', kind: 'llama-server', urls: [`http://127.0.0.1:${port}/v1`], key: 'secret-key' }],
      }),
    );
    while ((await remote.models()).length === 0) await new Promise((resolve) => setTimeout(resolve, 100));
  }, 120_000);
  afterAll(() => stack.disposeAsync());

  function startServer(args: string[]): AsyncDisposable & { process: ChildProcess } {
    const common = ['--host', '127.0.0.1', '-c', '512', '-np', '1', '-t', '1', '--api-key', 'secret-key', '--jinja'];
    const child = spawn(program, [...common, '--no-warmup', '-cram', '0', '--fit', 'off', ...args], {
      stdio: 'ignore',
    });
    return {
      process: child,
      async [Symbol.asyncDispose]() {
        if (child.exitCode !== null) return;
        child.kill('SIGKILL');
        await once(child, 'exit');
      },
    };
  }

  const model = async () => ({ remote: 's', model: (await remote.models())[0]!.id });
  async function textOf(engine: Engine, request: Omit<GenerateRequest, 'owner'>) {
    const events: GenerateEvent[] = [];
    for await (const event of engine.generate({ owner: 'test', ...request })) events.push(event);
    const text = events.map((event) => (event.type === 'text' ? event.text : '')).join('');
    return { text, events, finish: events.at(-1) as Extract<GenerateEvent, { type: 'finish' }> };
  }
  const chat: GenerateRequest['input'] = { kind: 'chat', messages: [{ role: 'user', content: 'Hello you' }] };

  it('tells of its model', async () => {
    expect(await remote.load(await model())).toMatchObject({
      architecture: 'llama-server',
      contextTokens: 512,
      width: 64,
      vocabularySize: 320,
      chat: true,
    });
  });

  it.each<[string, Partial<GenerateRequest>]>([
    ['a chat', { input: chat }],
    ['a text', { input: { kind: 'text', text: 'Once upon' } }],
    ['a grammar', { input: chat, grammar: { gbnf: 'root ::= "yes" | "no"' } }],
    ['penalties', { input: chat, sampling: { repeatPenalty: 1.3, logitBias: [{ token: 65, bias: 5 }] } }],
  ])('writes what the local engine writes: %s', async (_, part) => {
    const request = { input: chat, maxTokens: 12, grammar: ascii, ...part };
    const here = await textOf(local, { ...request, model: { path: file } });
    const there = await textOf(remote, { ...request, model: await model() });
    expect(there.text).toBe(here.text);
    expect(there.finish.reason).toBe(here.finish.reason);
    expect(there.finish.usage.promptTokens).toBe(here.finish.usage.promptTokens);
  });

  it('gives log-probabilities with the ids of tokens', async () => {
    const request: Omit<GenerateRequest, 'model' | 'owner'> = { input: chat, maxTokens: 1, logprobs: 2 };
    const logprobsOf = async (engine: Engine, ref: GenerateRequest['model']) =>
      (await textOf(engine, { ...request, model: ref })).events.flatMap((event) =>
        event.type === 'text' ? (event.logprobs ?? []) : [],
      );
    const [here] = await logprobsOf(local, { path: file });
    const [there] = await logprobsOf(remote, await model());
    expect(there!.token).toBe(here!.token);
    expect(there!.logprob).toBeCloseTo(here!.logprob, 3);
    expect(there!.alternatives.map(({ token }) => token)).toEqual(here!.alternatives.map(({ token }) => token));
  });

  it('obeys a schema, and goes on with the beginning of an answer', async () => {
    const { text, finish } = await textOf(remote, {
      model: await model(),
      input: chat,
      maxTokens: 60,
      responseFormat: {
        type: 'json_schema',
        schema: { type: 'object', properties: { a: { enum: [1, 2] } }, required: ['a'], additionalProperties: false },
      },
    });
    expect(finish.reason).toBe('stop');
    expect([{ a: 1 }, { a: 2 }]).toContainEqual(JSON.parse(text));
    const prefixed = { input: { ...chat, prefix: 'Well, ' }, maxTokens: 8, grammar: ascii };
    const here = await textOf(local, { ...prefixed, model: { path: file } });
    expect((await textOf(remote, { ...prefixed, model: await model() })).text).toBe(here.text);
  });

  it('counts tokens as the local engine does', async () => {
    for (const input of [chat, { kind: 'text' as const, text: 'Hello you' }]) {
      const here = await local.tokenize({ owner: 'test', model: { path: file }, input, tokens: true });
      expect(await remote.tokenize({ owner: 'test', model: await model(), input, tokens: true })).toEqual(here);
    }
  });

  it('has an adapter when it is asked for, and refuses one that it was not started with', async () => {
    const request = { input: chat, maxTokens: 12, grammar: ascii };
    const here = await textOf(local, { ...request, model: { path: file, adapter: { path: adapter } } });
    const there = { ...(await model()), adapter: { name: 'tiny-adapter.gguf' } };
    await remote.load(there);
    expect((await textOf(remote, { ...request, model: there })).text).toBe(here.text);
    const plain = await textOf(local, { ...request, model: { path: file } });
    expect(here.text).not.toBe(plain.text);
    expect((await textOf(remote, { ...request, model: await model() })).text).toBe(plain.text);
    await expect(remote.load({ ...there, adapter: { name: 'other' } })).rejects.toThrow(/other/);
  });

  it('says what is wrong with a request', async () => {
    const generation = textOf(remote, {
      model: await model(),
      input: { kind: 'text', text: 'x'.repeat(2000) },
      maxTokens: 5,
    });
    await expect(generation).rejects.toMatchObject({ code: 'invalid_request' });
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
