import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  createRemoteEngine,
  type GenerateEvent,
  type GenerateRequest,
  type RemoteEngine,
  type RemoteService,
} from '../../src/index.ts';
import { cut, type Double, json, said, startDouble, stream, usage } from './double.ts';

const silent = { debug() {}, info() {}, warn() {} };
const key = 'sk-secret-of-the-operator';
const stack = new AsyncDisposableStack();
let one: Double;
let two: Double;
let engine: RemoteEngine;

const serviceOf = (kind: RemoteService['kind'], ...doubles: Double[]): RemoteService => ({
  name: kind,
  kind,
  urls: doubles.map(({ url }) => url),
  key,
});

beforeAll(async () => {
  one = stack.use(await startDouble([{ id: 'm', max_model_len: 4096 }]));
  two = stack.use(await startDouble([{ id: 'm', max_model_len: 4096 }]));
  engine = stack.use(
    createRemoteEngine({
      logger: silent,
      backoffMs: 5,
      services: [
        { ...serviceOf('vllm', one, two), name: 'pair' },
        ...(['vllm', 'llama-server', 'sglang', 'openai'] as const).map((kind) => serviceOf(kind, one)),
      ],
    }),
  );
  await engine.models();
}, 60_000);
afterAll(() => stack.disposeAsync());
beforeEach(() => {
  for (const double of [one, two]) Object.assign(double, { asked: [], answers: [], routes: {} });
});

type Question = Partial<GenerateRequest>;
const chat: GenerateRequest['input'] = { kind: 'chat', messages: [{ role: 'user', content: 'Hello' }] };
const ask = (remote: string, question: Question = {}, signal?: AbortSignal) =>
  engine.generate({ model: { remote, model: 'm' }, owner: 'test', input: chat, ...question }, signal);

async function eventsOf(generation: AsyncIterable<GenerateEvent>): Promise<GenerateEvent[]> {
  const events: GenerateEvent[] = [];
  for await (const event of generation) events.push(event);
  return events;
}

/** What came before the error, and the error. */
async function failureOf(generation: AsyncIterable<GenerateEvent>) {
  const events: GenerateEvent[] = [];
  try {
    for await (const event of generation) events.push(event);
  } catch (error) {
    return { events, error: error as { code: string; message: string; details: object } };
  }
  throw new Error('it did not fail');
}

const finish = {
  type: 'finish',
  choice: 0,
  reason: 'stop',
  usage: { promptTokens: 5, completionTokens: 2, cachedTokens: 3 },
};

describe('a generation', { timeout: 60_000 }, () => {
  it('comes as events, with exact counts; the key goes along', async () => {
    one.answers = [said('Hi there')];
    expect(await eventsOf(ask('openai', { maxTokens: 7, stop: ['\n'] }))).toEqual([
      { type: 'text', choice: 0, text: 'Hi there' },
      finish,
    ]);
    expect(one.asked).toEqual([
      {
        path: '/v1/chat/completions',
        authorization: `Bearer ${key}`,
        body: {
          model: 'm',
          messages: [{ role: 'user', content: 'Hello' }],
          stream: true,
          stream_options: { include_usage: true },
          temperature: 0,
          top_p: 1,
          frequency_penalty: 0,
          presence_penalty: 0,
          max_tokens: 7,
          stop: ['\n'],
        },
      },
    ]);
  });

  it('has thought, calls of tools, log-probabilities and choices', async () => {
    const logprobs = {
      content: [{ token: 'Yes', logprob: -0.5, bytes: null, top_logprobs: [{ token: 'No', logprob: -1 }] }],
    };
    const call = (part: object) => ({ choices: [{ index: 1, delta: { tool_calls: [{ index: 0, ...part }] } }] });
    one.answers = [
      stream([
        { choices: [{ index: 0, delta: { reasoning_content: 'Hm.' } }] },
        { choices: [{ index: 0, delta: { content: 'Yes' }, logprobs }] },
        call({ id: 'call-1', function: { name: 'look', arguments: '' } }),
        call({ function: { arguments: '{"a":' } }),
        call({ function: { arguments: '1}' } }),
        { choices: [{ index: 1, delta: {}, finish_reason: 'tool_calls' }] },
        { choices: [{ index: 0, delta: {}, finish_reason: 'stop', stop_reason: '!' }] },
        { choices: [], usage },
      ]),
    ];
    const tools = [{ type: 'function', function: { name: 'look', parameters: { type: 'object' } } }];
    const events = await eventsOf(
      ask('vllm', { choices: 2, logprobs: 1, input: { ...chat, tools }, toolChoice: 'any', parallelToolCalls: false }),
    );
    const token = { text: 'Yes', bytes: [...Buffer.from('Yes')], logprob: -0.5 };
    expect(events).toEqual([
      { type: 'reasoning', choice: 0, text: 'Hm.' },
      {
        type: 'text',
        choice: 0,
        text: 'Yes',
        logprobs: [{ ...token, alternatives: [{ text: 'No', bytes: [...Buffer.from('No')], logprob: -1 }] }],
      },
      { type: 'tool_call', choice: 1, index: 0, id: 'call-1', name: 'look' },
      { type: 'tool_call', choice: 1, index: 0, id: 'call-1', arguments: '{"a":' },
      { type: 'tool_call', choice: 1, index: 0, id: 'call-1', arguments: '1}' },
      { ...finish, stop: '!' },
      { ...finish, choice: 1, reason: 'tool_calls', usage: { ...finish.usage, completionTokens: 0 } },
    ]);
    expect(one.asked[0]!.body).toMatchObject({
      n: 2,
      logprobs: true,
      top_logprobs: 1,
      tools,
      tool_choice: 'required',
      parallel_tool_calls: false,
    });
  });

  it('says to each kind of server what that kind understands', async () => {
    one.answers = [said('x')];
    const sampling = { topK: 5, minP: 0.1, repeatPenalty: 1.2, seed: 3 };
    const question: Question = { sampling, grammar: { gbnf: 'root ::= "x"' } };
    await eventsOf(ask('vllm', { ...question, minTokens: 2, stopTokens: [7] }));
    await eventsOf(ask('llama-server', { ...question, reasoning: 'apart' }));
    await eventsOf(ask('sglang', { sampling, responseFormat: { type: 'flat', fields: { name: 'str', age: 'int' } } }));
    await eventsOf(ask('openai', { input: { kind: 'fim', prefix: 'a', suffix: 'b' } }));
    expect(one.asked.map(({ body }) => body)).toMatchObject([
      {
        top_k: 5,
        min_p: 0.1,
        repetition_penalty: 1.2,
        seed: 3,
        structured_outputs: { grammar: 'root ::= "x"' },
        min_tokens: 2,
        stop_token_ids: [7],
      },
      {
        top_k: 5,
        min_p: 0.1,
        repeat_penalty: 1.2,
        grammar: 'root ::= "x"',
        mirostat: 0,
        typical_p: 1,
        reasoning_format: 'deepseek',
      },
      {
        top_k: 5,
        response_format: {
          type: 'json_schema',
          json_schema: { schema: { required: ['name', 'age'], properties: { age: { type: 'integer' } } } },
        },
      },
      { prompt: 'a', suffix: 'b' },
    ]);
  });

  it.each<[string, Question, string]>([
    ['openai', { sampling: { topK: 5 } }, 'sampling.topK'],
    ['openai', { sampling: { mirostat: { version: 2 } } }, 'sampling.mirostat'],
    ['vllm', { sampling: { typicalP: 0.5 } }, 'sampling.typicalP'],
    ['vllm', { sampling: { dry: { multiplier: 1 } } }, 'sampling.dry'],
    ['vllm', { sampling: { logitBias: [{ token: 'word', bias: 1 }] } }, 'sampling.logitBias'],
    ['vllm', { input: { kind: 'fim', prefix: 'a', suffix: 'b' } }, 'input'],
    ['llama-server', { minTokens: 3 }, 'minTokens'],
    ['llama-server', { sampling: { noRepeatNgramSize: 3 } }, 'sampling.noRepeatNgramSize'],
    ['sglang', { grammar: { gbnf: 'root ::= "x"' } }, 'grammar'],
    ['openai', { input: { ...chat, prefix: 'So' } }, 'input.prefix'],
    ['openai', { stopTokens: [1] }, 'stopTokens'],
    ['openai', { model: { remote: 'openai', model: 'm', adapter: { name: 'a' } } }, 'model.adapter'],
  ])('is refused by %s where it asks for what that cannot do: %j', async (remote, question, field) => {
    const { error } = await failureOf(ask(remote, question));
    expect(error.code).toBe('invalid_request');
    expect(error.message).toMatch(new RegExp(`^${field.replaceAll('.', '\\.')}.*${remote}`));
    expect(one.asked).toEqual([]);
  });

  it('ends over there when it is left here', async () => {
    const gone = Promise.withResolvers<void>();
    one.answers = [
      (response) => {
        response.on('close', () => gone.resolve());
        response.writeHead(200);
        response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: 'a' } }] })}\n\n`);
      },
    ];
    for await (const event of ask('openai')) {
      expect(event).toMatchObject({ text: 'a' });
      break;
    }
    await gone.promise;
    expect(engine.status().running).toBe(0);
  });

  it('has a time limit', async () => {
    one.answers = [() => {}];
    expect((await failureOf(ask('openai', { timeoutMs: 100 }))).error.code).toBe('deadline_exceeded');
  });
});

describe('a server that fails', { timeout: 60_000 }, () => {
  it('before the first word is replaced by another, or asked again', async () => {
    for (const failure of [cut, stream([], { done: false }), stream([], { cut: true })]) {
      one.asked = [];
      two.asked = [];
      one.answers = [failure, said('whole')];
      two.answers = [failure, said('whole')];
      const events = await eventsOf(ask('pair'));
      expect(events).toEqual([{ type: 'text', choice: 0, text: 'whole' }, finish]);
      expect(one.asked.length + two.asked.length).toBeGreaterThan(1);
    }
  });

  it('in mid-stream ends the text with an error, and the request is not repeated', async () => {
    const begun = [{ choices: [{ index: 0, delta: { content: 'half' } }] }];
    for (const failure of [
      stream(begun, { cut: true }),
      stream(begun, { done: false }),
      stream([...begun, '{garbage']),
    ]) {
      one.asked = [];
      one.answers = [failure];
      const { events, error } = await failureOf(ask('openai'));
      expect(events).toEqual([{ type: 'text', choice: 0, text: 'half' }]);
      expect(error.code).toBe('remote_failed');
      expect(one.asked).toHaveLength(1);
    }
  });

  it('after it has begun, though without a word, is not asked again', async () => {
    one.answers = [stream([{ choices: [{ index: 0, delta: { role: 'assistant' } }] }], { cut: true })];
    const { events, error } = await failureOf(ask('openai'));
    expect(events).toEqual([]);
    expect(error.code).toBe('remote_failed');
    expect(one.asked).toHaveLength(1);
  });

  it('or is busy is asked again when it says, unless that is long', async () => {
    one.answers = [
      (response) => json(response, 503, {}, { 'retry-after': '0' }),
      (response) => json(response, 429, {}, { 'retry-after': '0' }),
      said('in the end'),
    ];
    expect((await eventsOf(ask('openai')))[0]).toMatchObject({ text: 'in the end' });
    one.asked = [];
    one.answers = [(response) => json(response, 429, {}, { 'retry-after': '100' })];
    const { error } = await failureOf(ask('openai'));
    expect(error).toMatchObject({ code: 'too_many_requests', details: { retryAfter: 100 } });
    expect(one.asked).toHaveLength(1);
  });

  it.each([
    [400, 'invalid_request', /wrong field/],
    [401, 'remote_failed', /key/],
    [404, 'remote_failed', /wrong field/],
    [500, 'remote_failed', /wrong field/],
  ])('with %i says why, and is not asked again', async (status, code, reason) => {
    one.answers = [(response) => json(response, status, { error: { message: 'wrong field' } })];
    const { error } = await failureOf(ask('openai'));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(reason);
    expect(error.message).not.toContain(key);
    expect(one.asked).toHaveLength(1);
  });

  it('by garbage, an endless event, an error in the stream or a count too many is an error', async () => {
    const answers: Double['answers'] = [
      (response) => void response.end('data: [1,2'),
      (response) => void response.end(`data: ${'x'.repeat(5 << 20)}`),
      stream([{ error: { message: 'out of memory' } }]),
      stream([{ choices: [{ index: 4, delta: { content: 'x' } }] }]),
      stream([{ choices: [{ index: 0, delta: {}, finish_reason: 'content_filter' }] }]),
      stream([{ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }]),
      stream([{ choices: 'none' }]),
    ];
    for (const answer of answers) {
      one.answers = [answer];
      expect((await failureOf(ask('openai'))).error.code).toMatch(/^remote_/);
    }
  });

  it('and is gone is no longer asked until it has come back', async () => {
    const gone = await startDouble();
    const port = Number(new URL(gone.url).port);
    await using here = await startDouble();
    here.answers = [said('here')];
    await using pair = createRemoteEngine({
      logger: silent,
      backoffMs: 5,
      lookMs: 20,
      services: [{ name: 's', kind: 'vllm', urls: [gone.url, here.url] }],
    });
    await pair.models();
    await gone[Symbol.asyncDispose]();
    const request = { model: { remote: 's', model: 'm' }, owner: 'test', input: chat };
    for (let turn = 0; turn < 4; turn++)
      expect((await eventsOf(pair.generate(request)))[0]).toMatchObject({ text: 'here' });
    await using back = await startDouble([{ id: 'm' }], port);
    back.answers = [said('back')];
    let text: unknown;
    while (text !== 'back') {
      text = (await eventsOf(pair.generate(request))).map((event) => ('text' in event ? event.text : '')).join('');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });

  it('has no replica left says so', async () => {
    const gone = await startDouble();
    await gone[Symbol.asyncDispose]();
    await using alone = createRemoteEngine({
      logger: silent,
      backoffMs: 1,
      services: [{ name: 's', kind: 'openai', urls: [gone.url] }],
    });
    const request = { model: { remote: 's', model: 'm' }, owner: 'test', input: chat };
    expect((await failureOf(alone.generate(request))).error.code).toBe('remote_unavailable');
    expect(await alone.models()).toEqual([]);
  });
});

describe('requests', { timeout: 60_000 }, () => {
  it('go to the replica with the fewest', async () => {
    const waiting: (() => void)[] = [];
    for (const double of [one, two])
      double.answers = [
        (response, asked) =>
          new Promise((resolve) => waiting.push(() => resolve(said('x')(response, asked) as undefined))),
      ];
    const all = Array.from({ length: 6 }, () => eventsOf(ask('pair')));
    while (waiting.length < 6) await new Promise((resolve) => setTimeout(resolve, 5));
    expect([one.asked.length, two.asked.length]).toEqual([3, 3]);
    for (const answer of waiting) answer();
    await Promise.all(all);
  });

  it('for vectors, rankings and token counts are answered too', async () => {
    one.routes['/v1/embeddings'] = (response, { body }) =>
      json(response, 200, {
        data: (body['input'] as string[]).map((_, index) => ({ index, embedding: [3, 4] })).toReversed(),
        usage: { prompt_tokens: 6 },
      });
    one.routes['/v1/rerank'] = (response) =>
      json(response, 200, {
        results: [
          { index: 1, relevance_score: 0.9 },
          { index: 0, relevance_score: 0.1 },
        ],
        usage: { total_tokens: 9 },
      });
    one.routes['/tokenize'] = (response) => json(response, 200, { count: 2, tokens: [4, 5] });
    const common = { model: { remote: 'vllm', model: 'm' }, owner: 'test' };
    const inputs = Array.from({ length: 130 }, () => ({ kind: 'text' as const, text: 'x' }));
    const { vectors, usage: read } = await engine.embed({ ...common, inputs });
    expect(vectors).toHaveLength(130);
    expect([...vectors[0]!].map((x) => Math.round(x * 10))).toEqual([6, 8]);
    expect(read.promptTokens).toBe(12);
    expect(await engine.rerank({ ...common, query: 'q', documents: ['a', 'b'] })).toEqual({
      by: 'reranker',
      scores: [0.1, 0.9],
      usage: { promptTokens: 9 },
    });
    const { model } = common;
    expect(await engine.tokenize({ model, input: chat, tokens: true })).toEqual({ count: 2, tokens: [4, 5] });
    await expect(engine.embed({ ...common, inputs, pooling: 'cls' })).rejects.toThrow(/pooling/);
  });
});

describe("vLLM's adapters", { timeout: 60_000 }, () => {
  it('are loaded into every replica, served by name, loaded again after a restart, and unloaded', async () => {
    const loaded = (double: Double): Set<string> => {
      const names = new Set<string>();
      double.routes['/v1/load_lora_adapter'] = (response, { body }) => {
        const name = String(body['lora_name']);
        if (names.has(name))
          return json(response, 400, { message: `The lora adapter '${name}' has already been loaded.` });
        names.add(name);
        response.end('Success');
      };
      double.routes['/v1/unload_lora_adapter'] = (response, { body }) => {
        names.delete(String(body['lora_name']));
        response.end('Success');
      };
      return names;
    };
    await using first = await startDouble();
    await using second = await startDouble();
    const [inFirst, inSecond] = [loaded(first), loaded(second)];
    await using engine = createRemoteEngine({
      logger: silent,
      backoffMs: 5,
      lookMs: 20,
      services: [{ name: 'v', kind: 'vllm', urls: [first.url, second.url] }],
    });
    const model = { remote: 'v', model: 'm', adapter: { name: 'support', path: '/adapters/support' } };
    for (let twice = 0; twice < 2; twice++) expect(await engine.load(model)).toMatchObject({ architecture: 'vllm' });
    expect([...inFirst, ...inSecond]).toEqual(['support', 'support']);
    expect(first.asked[0]!.body).toEqual({ lora_name: 'support', lora_path: '/adapters/support' });
    first.answers = [said('x')];
    second.answers = [said('x')];
    await eventsOf(engine.generate({ model, owner: 'test', input: chat }));
    expect([...first.asked, ...second.asked].map(({ body }) => body['model'])).toContain('support');

    // A restart: not healthy for a while, and then without adapters.
    first.healthy = false;
    inFirst.clear();
    first.asked = [];
    while (inFirst.size === 0) {
      await new Promise((resolve) => setTimeout(resolve, 60));
      first.healthy = true;
      if (inFirst.size === 0) await new Promise((resolve) => setTimeout(resolve, 200));
    }
    await engine.unload(model);
    expect([...inFirst, ...inSecond]).toEqual([]);
  });
});
