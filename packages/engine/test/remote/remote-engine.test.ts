import { describe, expect, it } from 'vitest';
import { createRemoteEngine } from '../../src/index.ts';
import { cut, type Double, json, said, startDouble, stream, usage } from './double.ts';
import {
  silent,
  key,
  one,
  two,
  engine,
  type Question,
  chat,
  ask,
  eventsOf,
  failureOf,
  finish,
} from './engine-over-doubles.ts';

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
