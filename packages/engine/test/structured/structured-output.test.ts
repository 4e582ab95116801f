import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Engine, GenerateRequest } from '../../src/index.ts';
import { formatGrammar } from '../../src/structured/response-format.ts';
import { ask, say, tinyEngine, TinyModels, type Answer } from '../tiny-engine.ts';
import { schemas } from './schema-arbitrary.ts';
import { isValid } from './valid.ts';

const starter = {
  path: fileURLToPath(new URL('../../../starter/models/starter.gguf', import.meta.url)),
  context: 1024,
};

let models: TinyModels;
let engine: Engine;
let tiny: { path: string; context: number };
beforeAll(async () => {
  models = await TinyModels.create();
  engine = tinyEngine({ cacheBytes: 64 << 20, maxQueue: 1000 });
  tiny = { path: await models.model('tiny.gguf', { context: 8192, dim: 32, layers: 1 }), context: 8192 };
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await models[Symbol.asyncDispose]();
});

type Format = NonNullable<GenerateRequest['responseFormat']>;

const generate = (
  { path }: { path: string },
  responseFormat: Format,
  seed: number,
  maxTokens = 2000,
): Promise<Answer> =>
  ask(engine, { model: { path }, input: say('{'), responseFormat, maxTokens, sampling: { temperature: 1.5, seed } });

const enforceable = (schema: object): boolean => {
  try {
    return formatGrammar({ type: 'json_schema', schema }) !== undefined;
  } catch {
    return false;
  }
};

async function holds(model: { path: string; context: number }, count: number, seed: number): Promise<void> {
  const drawn = fc
    .sample(schemas, { numRuns: count * 2, seed })
    .filter(enforceable)
    .slice(0, count);
  expect(drawn).toHaveLength(count);
  const answers = await Promise.all(
    drawn.map(async (schema, index) => ({
      schema,
      ...(await generate(model, { type: 'json_schema', schema }, index)),
    })),
  );
  for (const { schema, text, reason, usage } of answers) {
    if (reason === 'stop') expect(isValid(schema, text), `${text} for ${JSON.stringify(schema)}`).toBe(true);
    else expect([2000, model.context - usage.promptTokens]).toContain(usage.completionTokens);
  }
  // Nearly all schemas are bounded, and then the grammar brings the text to an end.
  expect(answers.filter(({ reason }) => reason === 'stop').length).toBeGreaterThan(count * 0.9);
}

test('what a random model writes for 300 schemas is valid', async () => holds(tiny, 300, 1), 180_000);

test('what the starter writes for 40 schemas is valid', async () => holds(starter, 40, 2), 180_000);

test('JSON objects, flat types and grammars', async () => {
  const object = await generate(starter, { type: 'json_object' }, 1);
  if (object.reason === 'stop') expect(JSON.parse(object.text)).toBeTypeOf('object');
  const flat = { type: 'flat', fields: { name: ['Ada', 'Bo'], age: 'int', tall: 'bool', size: 'float' } } as const;
  const { text, reason } = await generate(
    tiny,
    { ...flat, fields: { ...flat.fields, name: [...flat.fields.name] } },
    3,
  );
  expect(reason).toBe('stop');
  expect(Object.keys(JSON.parse(text) as object)).toEqual(['name', 'age', 'tall', 'size']);
  const gbnf = await generate(
    tiny,
    { type: 'gbnf', grammar: 'root ::= ("ab" | [0-9]{2})+ end\nend ::= "!" # done' },
    4,
  );
  expect(gbnf.text).toMatch(/^(?:ab|\d\d)+!$/);
}, 60_000);

test('a text that does not end in time is told from one that does', async () => {
  const { text, reason, usage } = await generate(
    tiny,
    { type: 'json_schema', schema: { type: 'string', minLength: 50 } },
    1,
    20,
  );
  expect({ reason, tokens: usage.completionTokens }).toEqual({ reason: 'length', tokens: 20 });
  expect(text.startsWith('"')).toBe(true);
}, 60_000);

test('several choices each keep to the schema, and the same seed gives the same texts', async () => {
  const run = async (): Promise<string[]> => {
    const texts: string[] = [];
    const request: GenerateRequest = {
      owner: 'test',
      model: { path: tiny.path },
      input: say('x'),
      choices: 3,
      responseFormat: { type: 'json_schema', schema: { type: 'integer', minimum: 10, maximum: 99_999 } },
      sampling: { temperature: 1, seed: 5 },
    };
    for await (const event of engine.generate(request))
      if (event.type === 'text') texts[event.choice] = (texts[event.choice] ?? '') + event.text;
    return texts;
  };
  const texts = await run();
  expect(texts).toHaveLength(3);
  for (const text of texts) expect(Number(text)).toBeGreaterThanOrEqual(10);
  expect(await run()).toEqual(texts);
}, 60_000);

const reject = (responseFormat: unknown, more: object = {}): Promise<unknown> =>
  ask(engine, {
    model: { path: tiny.path },
    input: say('x'),
    maxTokens: 5,
    responseFormat: responseFormat as Format,
    ...more,
  }).then(
    () => 'no error',
    (error: unknown) => error,
  );

test('what cannot be enforced is refused before anything is generated', async () => {
  expect(await reject({ type: 'json_schema', schema: { not: {} } })).toMatchObject({
    code: 'unsupported_schema',
    details: { path: 'schema#/not' },
  });
  expect(await reject({ type: 'flat', fields: { a: 'string' } })).toMatchObject({ code: 'invalid_request' });
  expect(await reject({ type: 'flat', fields: { a: [] } })).toMatchObject({ code: 'invalid_request' });
  for (const [grammar, reason] of [
    ['root ::= "a', 'line 1'],
    ['root ::= <|im_start|>', 'tokens are not supported'],
    ['root ::= root', 'no finite text'],
    ['root ::= "a" other', 'other is not defined'],
    ['word ::= "a"', 'no rule named root'],
    ['root ::= "a"? root | "b"', 'begins with itself'],
    ['root ::= [^\\x00-\\U0010FFFF]', 'a character that no text has'],
    [`root ::= ${'('.repeat(100)}"a"${')'.repeat(100)}`, 'nested deeper'],
    [`root ::= "a"{9999999999}`, 'a number up to'],
  ] as const) {
    const error = await reject({ type: 'gbnf', grammar });
    expect(error, grammar).toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining(reason) as string,
    });
  }
  expect(await reject({ type: 'json_object' }, { grammar: { gbnf: 'root ::= "a"' } })).toMatchObject({
    code: 'invalid_request',
  });
}, 60_000);
