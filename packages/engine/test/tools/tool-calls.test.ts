import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Engine, GenerateEvent, GenerateRequest } from '../../src/index.ts';
import { isValid } from '../structured/valid.ts';
import { tinyEngine, TinyModels } from '../tiny-engine.ts';

const starter = { path: fileURLToPath(new URL('../../../starter/models/starter.gguf', import.meta.url)) };

const weather = {
  type: 'object',
  properties: { city: { type: 'string', maxLength: 40 }, days: { type: 'integer', minimum: 1, maximum: 14 } },
  required: ['city'],
  additionalProperties: false,
};
const add = { type: 'object', properties: { a: { type: 'number' }, b: { type: 'number' } }, required: ['a', 'b'] };
const tools = [
  {
    type: 'function',
    function: { name: 'get_weather', description: 'Get the weather of a city', parameters: weather },
  },
  { type: 'function', function: { name: 'add', description: 'Add two numbers', parameters: add } },
  { type: 'function', function: { name: 'ping' } },
];
const schemas: Record<string, object> = {
  get_weather: weather,
  add,
  ping: { type: 'object', additionalProperties: false },
};

let models: TinyModels;
let engine: Engine;
beforeAll(async () => {
  models = await TinyModels.create();
  engine = tinyEngine({ cacheBytes: 64 << 20 });
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await models[Symbol.asyncDispose]();
});

type Call = { id: string; name: string; arguments: string };
type Reply = { text: string; calls: Call[]; reason: string; events: GenerateEvent[] };

async function reply(more: Partial<GenerateRequest>, content = 'What is the weather in Paris?'): Promise<Reply> {
  const request: GenerateRequest = {
    owner: 'test',
    model: starter,
    input: { kind: 'chat', messages: [{ role: 'user', content }], tools },
    maxTokens: 400,
    ...more,
  };
  const result: Reply = { text: '', calls: [], reason: '', events: [] };
  for await (const event of engine.generate(request)) {
    result.events.push(event);
    if (event.type === 'finish') result.reason = event.reason;
    if (event.type === 'text') result.text += event.text;
    if (event.type !== 'tool_call') continue;
    if ('name' in event) {
      expect(event.index).toBe(result.calls.length);
      result.calls.push({ id: event.id, name: event.name, arguments: '' });
    } else {
      expect(event.id).toBe(result.calls[event.index]!.id);
      result.calls[event.index]!.arguments += event.arguments;
    }
  }
  return result;
}

function expectCalls({ calls, text, reason }: Reply, names = Object.keys(schemas)): void {
  expect(text).toBe('');
  expect(reason).toBe('tool_calls');
  expect(calls.length).toBeGreaterThan(0);
  for (const call of calls) {
    expect(names).toContain(call.name);
    expect(call.id).toMatch(/^[a-zA-Z0-9]{9}$/);
    expect(isValid(schemas[call.name]!, call.arguments), call.arguments).toBe(true);
  }
}

test('the starter calls the tool that a question needs, by itself', async () => {
  const answer = await reply({ toolChoice: 'auto' });
  expectCalls(answer);
  expect(answer.calls).toMatchObject([{ name: 'get_weather' }]);
  expect(JSON.parse(answer.calls[0]!.arguments)).toMatchObject({ city: 'Paris' });
}, 180_000);

test('with `auto` an answer stays an answer, and with `none` no tool is seen', async () => {
  const greeting = await reply({ toolChoice: 'auto' }, 'Hello!');
  expect(greeting).toMatchObject({ calls: [], reason: 'stop' });
  expect(greeting.text).not.toBe('');
  const none = await reply({ toolChoice: 'none' });
  expect(none.calls).toEqual([]);
  const without = await reply({
    input: { kind: 'chat', messages: [{ role: 'user', content: 'What is the weather in Paris?' }] },
  });
  expect(none.text).toBe(without.text);
}, 180_000);

test.for(['required', 'any'] as const)(
  'with `%s` it calls a tool whatever it is asked, hot or cold',
  { timeout: 180_000 },
  async (toolChoice) => {
    expectCalls(await reply({ toolChoice }, 'Hello!'));
    for (const seed of [1, 2, 3]) {
      const answer = await reply(
        { toolChoice, parallelToolCalls: false, sampling: { temperature: 1.5, seed } },
        'Hello!',
      );
      expectCalls(answer);
      expect(answer.calls).toHaveLength(1);
    }
  },
);

test('a tool that is named is the one that is called', async () => {
  for (const name of Object.keys(schemas)) expectCalls(await reply({ toolChoice: { name } }), [name]);
});

test('ids follow from the seed; each choice has its calls', async () => {
  const request = { toolChoice: 'required', choices: 2, sampling: { temperature: 1, seed: 9 } } as const;
  const ids = async () => {
    const { events } = await reply({ ...request, choices: 1 });
    return events.flatMap((event) => (event.type === 'tool_call' && 'name' in event ? [event.id] : []));
  };
  expect(await ids()).toEqual(await ids());
  const input = { kind: 'chat' as const, messages: [{ role: 'user' as const, content: 'Add 1 and 2.' }], tools };
  const events = await Array.fromAsync(
    engine.generate({ owner: 'test', model: starter, input, maxTokens: 400, ...request }),
  );
  const finishes = events.filter((event) => event.type === 'finish');
  expect(finishes.map(({ choice, reason }) => [choice, reason]).sort()).toEqual([
    [0, 'tool_calls'],
    [1, 'tool_calls'],
  ]);
  const begun = events.filter((event) => event.type === 'tool_call' && 'name' in event && event.index === 0);
  expect(new Set(begun.map((event) => (event as { id: string }).id)).size).toBe(2);
}, 180_000);

test('a call that is cut is told as cut', async () => {
  const { reason, calls } = await reply({ toolChoice: { name: 'get_weather' }, maxTokens: 30 });
  expect(reason).toBe('length');
  expect(calls.length).toBeLessThanOrEqual(1);
}, 180_000);

test('a call or an answer of a given form', async () => {
  const responseFormat = {
    type: 'json_schema',
    schema: { type: 'object', properties: { answer: { enum: ['yes', 'no'] } }, required: ['answer'] },
  } as const;
  const answer = await reply({ toolChoice: 'auto', responseFormat }, 'Hello!');
  if (answer.calls.length > 0) expectCalls(answer);
  else expect(isValid(responseFormat.schema, answer.text)).toBe(true);
}, 180_000);

test('a model whose template knows no tools is told about them in words, and about the calls that were', async () => {
  const chatTemplate = '{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}';
  const model = { path: await models.model('plain.gguf', { context: 4096, chatTemplate }) };
  const call = { id: 'abcdefghi', type: 'function' as const, function: { name: 'add', arguments: '{"a":1,"b":2}' } };
  const messages = [
    { role: 'user' as const, content: 'Add.' },
    { role: 'assistant' as const, content: '', tool_calls: [call] },
    { role: 'tool' as const, content: '3', tool_call_id: 'abcdefghi' },
  ];
  const prompt = async (toolChoice: 'auto' | 'none'): Promise<number> => {
    const { events } = await reply({ model, toolChoice, maxTokens: 1, input: { kind: 'chat', messages, tools } });
    const finish = events.at(-1)!;
    return finish.type === 'finish' ? finish.usage.promptTokens : 0;
  };
  const told = await prompt('auto');
  expect(told).toBeGreaterThan((await prompt('none')) + 200);
  expectCalls(await reply({ model, toolChoice: 'required', maxTokens: 3000, sampling: { temperature: 1, seed: 1 } }));
}, 180_000);

// The tiny vocabulary has no tokens for the marks of other families, so there they are text; random weights obey as well.
const templates = {
  hermes: '<tool_call>',
  llama3: `<|start_header_id|> "parameters": {}`,
  mistral: '[TOOL_CALLS][',
  'mistral-arguments': '[TOOL_CALLS] [ARGS]',
  'mistral-ids': '[TOOL_CALLS] [CALL_ID] [ARGS]',
  'qwen3-coder': '<tool_call> <function= <parameter=',
};

test.for(Object.entries(templates))(
  'a random model writes calls in the form of %s',
  { timeout: 180_000 },
  async ([name, marks]) => {
    const chatTemplate = `{# ${marks.replaceAll('{}', '')} #}{% for m in messages %}{{ m.content }}{% endfor %}`;
    const model = { path: await models.model(`${name}.gguf`, { context: 4096, chatTemplate }) };
    for (const seed of [1, 2, 3, 4]) {
      const sampling = { temperature: 1, seed };
      expectCalls(
        await reply({ model, toolChoice: 'required', parallelToolCalls: seed % 2 === 0, maxTokens: 3000, sampling }),
      );
      const { text, reason } = await reply({ model, toolChoice: 'auto', maxTokens: 40, sampling });
      expect(text !== '' || reason !== 'length').toBe(true);
    }
  },
);

test('tools and choices that make no sense are refused', async () => {
  const error = (more: Partial<GenerateRequest>): Promise<unknown> =>
    reply(more).then(
      () => 'no error',
      (thrown: unknown) => thrown,
    );
  const chat = (given: unknown[]): Partial<GenerateRequest> => ({
    toolChoice: 'auto',
    input: { kind: 'chat', messages: [{ role: 'user', content: 'x' }], tools: given },
  });
  const invalid = (reason: string) => ({ code: 'invalid_request', message: expect.stringContaining(reason) as string });
  expect(await error({ toolChoice: { name: 'other' } })).toMatchObject(invalid('no such tool'));
  expect(await error({ ...chat([]), toolChoice: 'required' })).toMatchObject(invalid('no tools to call'));
  expect(await error(chat([{ type: 'function' }]))).toMatchObject(invalid('tools.0'));
  expect(await error(chat([tools[2], tools[2]]))).toMatchObject(invalid('same name'));
  expect(await error(chat([{ function: { name: 'a"b' } }]))).toMatchObject(invalid('tools.0'));
  expect(await error(chat([{ function: { name: 'f', parameters: { type: 'object', not: {} } } }]))).toMatchObject({
    code: 'unsupported_schema',
    details: { path: 'tools/0/parameters#/not' },
  });
});
