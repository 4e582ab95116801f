import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mistralServer, type MistralServer } from './support/mistral-server.ts';

let it_: MistralServer;
beforeAll(async () => {
  it_ = await mistralServer({ ATELIER_TRAINING_JOBS: '0' });
}, 120_000);
afterAll(() => it_[Symbol.asyncDispose]());

const model = 'mistral-small-latest';
const hello = [{ role: 'user' as const, content: 'Say hello.' }];
const greedy = { model, temperature: 0, maxTokens: 8 };

describe('chat', () => {
  it('is answered whole and as a stream with the same text, by both clients', async () => {
    const whole = await it_.client.chat.complete({ ...greedy, messages: hello });
    const { content } = whole.choices[0]!.message;
    expect(whole).toMatchObject({ object: 'chat.completion', model: 'starter' });
    expect(whole.usage.totalTokens).toBe(whole.usage.promptTokens! + whole.usage.completionTokens!);
    for (const client of [it_.client, it_.clientTwo]) {
      let text = '';
      let finish: unknown;
      let usage: unknown;
      for await (const { data } of await client.chat.stream({ ...greedy, messages: hello })) {
        text += data.choices[0]!.delta.content as string;
        finish = data.choices[0]!.finishReason ?? finish;
        usage = data.usage ?? usage;
      }
      expect([text, finish]).toEqual([content, whole.choices[0]!.finishReason]);
      expect(usage).toEqual(whole.usage);
    }
  }, 60_000);

  it('frames a stream as data lines, the role first, usage with the last chunk, [DONE] at the end', async () => {
    const response = await fetch(`${it_.server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${it_.server.adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model, messages: hello, temperature: 0, max_tokens: 3, stream: true }),
    });
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    const frames = (await response.text()).split('\n\n');
    expect(frames.pop()).toBe('');
    expect(frames.pop()).toBe('data: [DONE]');
    const chunks = frames.map((frame) => JSON.parse(/^data: (.*)$/.exec(frame)![1]!));
    expect(chunks[0].choices[0]).toEqual({ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null });
    expect(chunks.at(-1)).toMatchObject({
      object: 'chat.completion.chunk',
      choices: [{ finish_reason: 'length' }],
      usage: { completion_tokens: 3 },
    });
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
  }, 60_000);

  it('gives several choices, stops at strings, and goes on from a prefix', async () => {
    const several = await it_.client.chat.complete({ ...greedy, temperature: 1, randomSeed: 7, n: 3, messages: hello });
    expect(several.choices.map(({ index }) => index)).toEqual([0, 1, 2]);
    const again = await it_.client.chat.complete({ ...greedy, temperature: 1, randomSeed: 7, n: 3, messages: hello });
    expect(again.choices.map(({ message }) => message.content)).toEqual(
      several.choices.map(({ message }) => message.content),
    );
    const whole = await it_.client.chat.complete({ ...greedy, messages: hello });
    const text = whole.choices[0]!.message.content as string;
    const stop = text.slice(2, 4);
    const stopped = await it_.client.chat.complete({ ...greedy, stop, messages: hello });
    expect(stopped.choices[0]!.message.content).toBe(text.slice(0, text.indexOf(stop)));
    const prefixed = await it_.client.chat.complete({
      ...greedy,
      messages: [...hello, { role: 'assistant', content: 'Well then', prefix: true }],
    });
    expect(prefixed.choices[0]!.message.content).toMatch(/^Well then/);
    expect(
      (await it_.client.chat.complete({ model, messages: hello, temperature: 0, safePrompt: true, maxTokens: 2 })).usage
        .promptTokens,
    ).toBeGreaterThan(whole.usage.promptTokens!);
  }, 60_000);

  it('calls functions with ids of nine characters and arguments as text, the same in pieces', async () => {
    const named = (name: string) => ({
      type: 'function' as const,
      function: {
        name,
        parameters: {
          type: 'object',
          properties: { colour: { enum: ['red', 'blue'] } },
          required: ['colour'],
          additionalProperties: false,
        },
      },
    });
    const asked = { model, temperature: 0, messages: hello, tools: [named('paint'), named('mix')] };
    for (const toolChoice of ['any', 'required', { function: { name: 'mix' } }] as const) {
      const { choices } = await it_.client.chat.complete({ ...asked, toolChoice, parallelToolCalls: false });
      expect(choices[0]!.finishReason).toBe('tool_calls');
      const calls = choices[0]!.message.toolCalls!;
      expect(calls).toHaveLength(1);
      expect(calls[0]).toMatchObject({ id: expect.stringMatching(/^[a-zA-Z0-9]{9}$/), type: 'function', index: 0 });
      if (typeof toolChoice === 'object') expect(calls[0]!.function.name).toBe('mix');
      expect(['red', 'blue']).toContain(JSON.parse(calls[0]!.function.arguments as string).colour);
    }
    const { choices } = await it_.client.chat.complete({ ...asked, toolChoice: 'any' });
    const whole = choices[0]!.message.toolCalls!.map(({ function: { name, arguments: given } }) => [name, given]);
    const pieces: [string, string][] = [];
    for await (const { data } of await it_.clientTwo.chat.stream({ ...asked, toolChoice: 'any' }))
      for (const { index = 0, function: called } of data.choices[0]!.delta.toolCalls ?? []) {
        const [name, given] = pieces[index] ?? ['', ''];
        pieces[index] = [name + called.name, given + (called.arguments as string)];
      }
    expect(pieces).toEqual(whole);
  }, 60_000);

  it('answers as a schema says, and not otherwise for a prediction', async () => {
    const schemaDefinition = { type: 'object', properties: { n: { type: 'integer', maximum: 9 } }, required: ['n'] };
    const asked = { ...greedy, maxTokens: 40, messages: hello };
    const responseFormat = { type: 'json_schema' as const, jsonSchema: { name: 'n', schemaDefinition, strict: true } };
    const { choices } = await it_.client.chat.complete({ ...asked, responseFormat });
    expect(JSON.parse(choices[0]!.message.content as string)).toEqual({ n: expect.any(Number) });
    const whole = await it_.client.chat.complete(asked);
    const prediction = { type: 'content' as const, content: 'Something else.' };
    const guessed = await it_.client.chat.complete({ ...asked, prediction });
    expect(guessed.choices[0]!.message.content).toBe(whole.choices[0]!.message.content);
  }, 60_000);

  it('takes conversations in order and refuses the others, whatever they are', async () => {
    const call = (id: string) => ({ id, function: { name: 'f', arguments: '{}' } });
    const message = fc.oneof(
      fc.constant({ role: 'user', content: 'x' }),
      fc.constant({ role: 'system', content: 'x' }),
      fc.constant({ role: 'tool', content: 'x', tool_call_id: 'abcdefghi' }),
      fc.record({
        role: fc.constant('assistant'),
        content: fc.constant('x'),
        prefix: fc.boolean(),
        tool_calls: fc.constantFrom([], [call('abcdefghi')], [call('abcdefghi'), call('ihgfedcba')]),
      }),
    );
    /** One letter a message: `1` and `2` are calls, `p` a prefix. Calls are answered at once, and a prefix comes last. */
    const inOrder = /^(([usa]|1t|2tt)*(u|1t|2tt)|([usa]|1t|2tt)+p)$/;
    const letter = (each: { role: string; prefix?: boolean; tool_calls?: readonly unknown[] }) =>
      each.prefix ? 'p' : each.tool_calls?.length ? String(each.tool_calls.length) : each.role[0];
    const conversations = fc
      .array(message, { minLength: 1, maxLength: 5 })
      .filter((messages) => !messages.some((each) => 'prefix' in each && each.prefix && each.tool_calls.length > 0));
    const property = fc.asyncProperty(conversations, async (messages) => {
      const right = inOrder.test(messages.map(letter).join(''));
      const answer = await it_.post('/v1/chat/completions', { model: 'tiny-long', max_tokens: 1, messages });
      expect(answer).toMatchObject(
        right ? { status: 200 } : { status: 400, body: { type: 'invalid_request_message_order', code: '3230' } },
      );
    });
    await fc.assert(property, { numRuns: 60 });
  }, 120_000);

  it.each([
    [{ messages: [] }, 422, { detail: [{ loc: ['body', 'messages'] }] }],
    [{ messages: hello, nonsense: 1 }, 422, { detail: [{ loc: ['body', 'nonsense'], type: 'extra_forbidden' }] }],
    [
      { messages: hello, temperature: 2 },
      422,
      { message: { detail: [{ loc: ['body', 'temperature'], type: 'less_than_equal' }] } },
    ],
    [{}, 422, { detail: [{ loc: ['body', 'messages'], type: 'missing' }] }],
    [{ messages: hello, model: 'gpt-5' }, 400, { type: 'invalid_model', code: '1500' }],
    [
      { messages: [...hello, { role: 'assistant', content: 'x' }] },
      400,
      { type: 'invalid_request_message_order', code: '3230' },
    ],
    [{ messages: [{ role: 'system', content: 'x' }] }, 400, { code: '3230' }],
    [{ messages: [...hello, { role: 'tool', content: 'x' }] }, 400, { code: '3230' }],
    [
      {
        messages: [
          ...hello,
          { role: 'assistant', tool_calls: [{ id: 'abcdefghi', function: { name: 'f', arguments: '{}' } }] },
          { role: 'user', content: 'x' },
        ],
      },
      400,
      { code: '3230' },
    ],
    [{ messages: hello, model: 'tiny-raw' }, 400, { message: 'The model tiny-raw has no chat template' }],
    [
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: 'https://example.com/a.png' }] }] },
      400,
      { message: expect.stringContaining('messages.0.content.0: Images') },
    ],
  ])(
    'refuses %j with %i',
    async (given, status, body) => {
      const answer = await it_.post('/v1/chat/completions', { model, max_tokens: 1, ...given });
      expect(answer).toMatchObject({ status, body: { object: 'error', ...body } });
    },
    60_000,
  );
});

describe('fill in the middle', () => {
  it('gives what lies between, and goes on with a prompt alone', async () => {
    const model = 'codestral-latest';
    const prompt = 'def add(a, b):\n';
    const between = await it_.client.fim.complete({
      model,
      prompt,
      suffix: '    return c',
      temperature: 0,
      maxTokens: 8,
    });
    expect(between.choices[0]!.message.content).toEqual(expect.any(String));
    const onward = await it_.clientTwo.fim.complete({ model, prompt, temperature: 0, maxTokens: 4, minTokens: 4 });
    expect(onward.usage.completionTokens).toBe(4);
    let streamed = '';
    for await (const { data } of await it_.client.fim.stream({
      model,
      prompt,
      temperature: 0,
      maxTokens: 4,
      minTokens: 4,
    }))
      streamed += data.choices[0]?.delta.content as string;
    expect(streamed).toBe(onward.choices[0]?.message?.content);
  }, 60_000);
});
