import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { dataOf, useOpenaiServer } from './support/openai-server.ts';

const it_ = useOpenaiServer({ ATELIER_TRAINING_JOBS: '0' });

const model = 'gpt-4o-mini';
const messages = [{ role: 'user' as const, content: 'Say hello.' }];
const greedy = { model, messages, temperature: 0, max_tokens: 8 };
const limit = 90_000;

describe('chat completions', () => {
  it(
    'are the same whole and as a stream, with exact usage',
    async () => {
      const whole = await it_.client.chat.completions.create(greedy);
      expect(whole).toMatchObject({
        object: 'chat.completion',
        model,
        choices: [{ index: 0, message: { role: 'assistant', refusal: null }, logprobs: null }],
      });
      expect(whole.usage!.total_tokens).toBe(whole.usage!.prompt_tokens + whole.usage!.completion_tokens);
      let text = '';
      let finish: unknown;
      const usages: unknown[] = [];
      const stream = await it_.client.chat.completions.create({
        ...greedy,
        stream: true,
        stream_options: { include_usage: true },
      });
      for await (const { choices, usage } of stream) {
        text += choices[0]?.delta.content ?? '';
        finish = choices[0]?.finish_reason ?? finish;
        usages.push(usage);
      }
      expect([text, finish]).toEqual([whole.choices[0]!.message.content, whole.choices[0]!.finish_reason]);
      expect(usages.pop()).toMatchObject({
        prompt_tokens: whole.usage!.prompt_tokens,
        completion_tokens: whole.usage!.completion_tokens,
      });
      expect(new Set(usages)).toEqual(new Set([null]));
    },
    limit,
  );

  it(
    'come with several choices, seeds, stops, biases and log-probabilities',
    async () => {
      const sampled = { ...greedy, temperature: 1, seed: 7, n: 3, user: 'me', metadata: { a: 'b' }, store: true };
      const several = await it_.client.chat.completions.create(sampled);
      const texts = ({ choices }: OpenAI.ChatCompletion) => choices.map(({ message }) => message.content);
      expect(several.choices.map(({ index }) => index)).toEqual([0, 1, 2]);
      expect(texts(await it_.client.chat.completions.create(sampled))).toEqual(texts(several));
      const whole = await it_.client.chat.completions.create({ ...greedy, logprobs: true, top_logprobs: 2 });
      const { content } = whole.choices[0]!.logprobs!;
      expect(content!.map(({ token }) => token).join('')).toBe(whole.choices[0]!.message.content);
      expect(content!.every(({ top_logprobs, logprob }) => top_logprobs.length === 2 && logprob <= 0)).toBe(true);
      expect(content!.map(({ token, top_logprobs }) => top_logprobs[0]!.token === token)).not.toContain(false);
      const text = whole.choices[0]!.message.content!;
      const stop = content!.at(-1)!.token;
      const stopped = await it_.client.chat.completions.create({ ...greedy, stop });
      expect(stopped.choices[0]).toMatchObject({
        message: { content: text.slice(0, text.indexOf(stop)) },
        finish_reason: 'stop',
      });
      const forced = await Promise.all(
        [300, 301].map((id) =>
          it_.client.chat.completions.create({
            ...greedy,
            max_completion_tokens: 3,
            logprobs: true,
            logit_bias: { [id]: 100 },
          }),
        ),
      );
      const seen = forced.map(({ choices }) => new Set(choices[0]!.logprobs!.content!.map(({ token }) => token)));
      expect(seen.map(({ size }) => size)).toEqual([1, 1]);
      expect(seen[0]).not.toEqual(seen[1]);
    },
    limit,
  );

  it(
    'keep to a schema, or to any JSON',
    async () => {
      const schema = {
        type: 'object',
        properties: { city: { enum: ['Rome', 'Oslo'] }, size: { type: 'integer', minimum: 1, maximum: 9 } },
        required: ['city', 'size'],
        additionalProperties: false,
      };
      const asked = { ...greedy, max_tokens: 60 };
      const made = await it_.client.chat.completions.create({
        ...asked,
        response_format: { type: 'json_schema', json_schema: { name: 'place', schema, strict: true } },
      });
      expect(JSON.parse(made.choices[0]!.message.content!)).toEqual({
        city: expect.stringMatching(/^(Rome|Oslo)$/),
        size: expect.any(Number),
      });
      const guided = await it_.request('POST', '/v1/chat/completions', { ...asked, guided_json: schema });
      expect(await guided.json()).toMatchObject({
        choices: [{ message: { content: made.choices[0]!.message.content } }],
      });
      const written = await it_.request('POST', '/v1/chat/completions', {
        ...asked,
        guided_grammar: 'root ::= "yes" | "no"',
      });
      expect(await written.json()).toMatchObject({
        choices: [{ message: { content: expect.stringMatching(/^(yes|no)$/) } }],
      });
      await expect(
        it_.client.chat.completions.create({
          ...asked,
          response_format: {
            type: 'json_schema',
            json_schema: { name: 'x', schema: { type: 'object', not: { required: ['a'] } } },
          },
        }),
      ).rejects.toMatchObject({ status: 400, code: 'invalid_json_schema' });
    },
    limit,
  );

  const tools: OpenAI.ChatCompletionTool[] = ['weather', 'time'].map((name) => ({
    type: 'function',
    function: {
      name,
      description: `The ${name} of a city`,
      parameters: {
        type: 'object',
        properties: { city: { enum: ['Rome', 'Oslo'] } },
        required: ['city'],
        additionalProperties: false,
      },
    },
  }));

  it(
    'call tools, whole and streamed, and go on after their results',
    async () => {
      const asked = {
        ...greedy,
        max_tokens: 80,
        tools,
        tool_choice: { type: 'function' as const, function: { name: 'time' } },
        parallel_tool_calls: false,
      };
      const whole = await it_.client.chat.completions.create(asked);
      const [choice] = whole.choices;
      expect(choice).toMatchObject({ message: { content: null }, finish_reason: 'tool_calls' });
      const [call] = choice!.message.tool_calls!;
      expect(call).toMatchObject({ type: 'function', function: { name: 'time' } });
      const { arguments: given } = (call as OpenAI.ChatCompletionMessageFunctionToolCall).function;
      expect(JSON.parse(given)).toEqual({ city: expect.stringMatching(/^(Rome|Oslo)$/) });
      const streamed = await it_.client.chat.completions.stream(asked).finalChatCompletion();
      expect(streamed.choices[0]!.message.tool_calls).toMatchObject([{ function: { name: 'time', arguments: given } }]);
      const after = await it_.client.chat.completions.create({
        ...greedy,
        tools,
        tool_choice: 'none',
        messages: [...messages, choice!.message, { role: 'tool', tool_call_id: call!.id, content: 'noon' }],
      });
      expect(after.choices[0]!.finish_reason).toMatch(/^(stop|length)$/);
      const required = await it_.client.chat.completions.create({ ...asked, tool_choice: 'required' });
      expect(required.choices[0]!.message.tool_calls).toHaveLength(1);
    },
    limit,
  );

  it(
    'take texts in parts and the words of newer clients; pictures are refused by their place',
    async () => {
      const [plain, parts] = await Promise.all(
        [
          [{ role: 'system' as const, content: 'Be kind.' }, ...messages],
          [
            { role: 'developer' as const, content: [{ type: 'text' as const, text: 'Be kind.' }] },
            { role: 'user' as const, content: [{ type: 'text' as const, text: 'Say hello.' }] },
          ],
        ].map((given) => it_.client.chat.completions.create({ ...greedy, messages: given })),
      );
      expect(parts!.choices).toEqual(plain!.choices);
      const image = { type: 'image_url' as const, image_url: { url: 'https://example.org/a.png' } };
      await expect(
        it_.client.chat.completions.create({ ...greedy, messages: [{ role: 'user', content: [image] }] }),
      ).rejects.toMatchObject({ status: 400, message: expect.stringContaining('messages.0.content.0') });
    },
    limit,
  );
});

describe('completions', () => {
  const plain = { model, temperature: 0, max_tokens: 6 };

  it(
    'go on with texts and tokens, several at once, in order, whole and streamed',
    async () => {
      const prompt = ['Once upon', 'The red'];
      const whole = await it_.client.completions.create({ ...plain, prompt, n: 2, echo: true });
      expect(whole.choices.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
      expect(whole.choices.map(({ text }, at) => text.startsWith(prompt[at >> 1]!))).not.toContain(false);
      const texts = ['', '', '', ''];
      let usage: unknown;
      const stream = await it_.client.completions.create({
        ...plain,
        prompt,
        n: 2,
        echo: true,
        stream: true,
        stream_options: { include_usage: true },
      });
      for await (const chunk of stream) {
        for (const { index, text } of chunk.choices) texts[index] += text;
        usage = chunk.usage ?? usage;
      }
      expect(texts).toEqual(whole.choices.map(({ text }) => text));
      expect(usage).toMatchObject({
        prompt_tokens: whole.usage!.prompt_tokens,
        completion_tokens: whole.usage!.completion_tokens,
      });
      const tokens = await it_.client.completions.create({ ...plain, prompt: [[5, 6, 7], [8]] });
      expect(tokens).toMatchObject({ usage: { prompt_tokens: 4 }, choices: [{ index: 0 }, { index: 1 }] });
    },
    limit,
  );

  it(
    'fill holes, give log-probabilities, and end after 16 tokens where nothing is said',
    async () => {
      const hole = await it_.client.completions.create({
        ...plain,
        prompt: 'def add(a, b):\n',
        suffix: '\nprint(add(1, 2))',
      });
      expect(hole.choices).toHaveLength(1);
      const [choice] = (await it_.client.completions.create({ model, prompt: 'Once', temperature: 0, logprobs: 2 }))
        .choices;
      const { tokens, token_logprobs, top_logprobs, text_offset } = choice!.logprobs!;
      expect(tokens!.join('')).toBe(choice!.text);
      expect(tokens!.length).toBeLessThanOrEqual(16);
      expect(token_logprobs).toHaveLength(tokens!.length);
      expect(top_logprobs!.every((each) => Object.keys(each).length <= 2)).toBe(true);
      expect(text_offset![1]).toBe(tokens![0]!.length);
    },
    limit,
  );
});

describe('errors', () => {
  it('have the statuses, types and codes that the client knows', async () => {
    const stranger = it_.clientOf('wrong');
    const refused = async (promise: PromiseLike<unknown>) => {
      const error: unknown = await promise.then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(OpenAI.APIError);
      const { status, type, code, param } = error as InstanceType<typeof OpenAI.APIError>;
      return [status, type, code, param];
    };
    const invalid = 'invalid_request_error';
    expect(await refused(stranger.models.list())).toEqual([401, invalid, 'invalid_api_key', null]);
    expect(await refused(it_.client.chat.completions.create({ ...greedy, model: 'none' }))).toEqual([
      404,
      invalid,
      'model_not_found',
      'model',
    ]);
    expect(await refused(it_.client.chat.completions.create({ ...greedy, temperature: 3 }))).toEqual([
      400,
      invalid,
      null,
      'temperature',
    ]);
    expect(
      await refused(
        it_.client.chat.completions.create({ ...greedy, messages: [{ role: 'user', content: 'a '.repeat(4000) }] }),
      ),
    ).toEqual([400, invalid, 'context_length_exceeded', 'messages']);
    expect(await refused(it_.client.chat.completions.create({ ...greedy, functions: [{ name: 'f' }] }))).toEqual([
      400,
      invalid,
      null,
      'functions',
    ]);
    expect(await refused(it_.client.files.retrieve('file-x'))).toEqual([404, invalid, null, null]);
    expect(await refused(it_.client.chat.completions.create({ ...greedy, tool_choice: 'required' }))).toEqual([
      400,
      invalid,
      null,
      null,
    ]);
    const uncalled = it_.client.responses.create({ model, input: 'x', tool_choice: 'required' });
    expect(await refused(uncalled)).toEqual([400, invalid, null, null]);
    const unknown = await it_.request('GET', '/v1/nothing');
    expect(unknown.status).toBe(404);
    expect((await it_.request('POST', '/v1/chat/completions', { ...greedy, safety_identifier: 'x' })).status).toBe(200);
  }, 90_000);

  it('are none in a stream: its first event brings the role, its last is [DONE]', async () => {
    const response = await it_.request('POST', '/v1/chat/completions', { ...greedy, stream: true, max_tokens: 3 });
    const data = dataOf(await response.text());
    expect(data.at(-1)).toBe('[DONE]');
    expect(JSON.parse(data[0]!)).toMatchObject({ choices: [{ delta: { role: 'assistant', content: '' } }] });
  }, 90_000);
});
