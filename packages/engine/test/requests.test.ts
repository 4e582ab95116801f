import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Engine, GenerateEvent, GenerateRequest } from '../src/index.ts';
import { reportSchema } from '../src/protocol.ts';
import { ask, endless, long, say, tinyEngine, TinyModels, until, type Question } from './tiny-engine.ts';

/** ChatML that leaves thoughts out of earlier replies, and begins one itself when a tool is called think. */
const thinking = `{% for m in messages %}<|im_start|>{{ m.role }}
{{ m.content.split('</think>')[-1].strip() }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% if tools %}<think>
{% endif %}{% endif %}`;

let models: TinyModels;
let engine: Engine;
let model: { path: string };
beforeAll(async () => {
  models = await TinyModels.create();
  engine = tinyEngine();
  model = { path: await models.model('tiny.gguf', { chatTemplate: thinking }) };
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await models[Symbol.asyncDispose]();
});

const user = (content: string) => ({ role: 'user' as const, content });
const tokensOf = async (input: GenerateRequest['input']) =>
  (await engine.tokenize({ owner: 'test', model, input, tokens: true })).tokens!;
const events = (question: Question) => Array.fromAsync(engine.generate({ owner: 'test', ...question }));
const bytes = (text: string) => [...Buffer.from(text)];
const fim = { prefix: 274, suffix: 275, middle: 276 };

test('tokens of a prompt are counted, and given when asked for', async () => {
  expect(await engine.tokenize({ owner: 'test', model, input: say('bcd') })).toEqual({ count: 3 });
  expect(await tokensOf(say('b<|im_end|>'))).toEqual(bytes('b<|im_end|>'));
  const chat = await tokensOf({ kind: 'chat', messages: [user('x')] });
  const { usage } = await ask(engine, { model, input: { kind: 'chat', messages: [user('x')] }, maxTokens: 1 });
  expect(usage.promptTokens).toBe(chat.length);
  await expect(
    engine.tokenize({ owner: 'test', model, input: { kind: 'tokens', tokens: [320] } }),
  ).rejects.toMatchObject({
    code: 'invalid_request',
  });
  const plain = { path: await models.model('plain.gguf') };
  await expect(
    engine.tokenize({ owner: 'test', model: plain, input: { kind: 'chat', messages: [user('x')] } }),
  ).rejects.toMatchObject({
    code: 'template_failed',
  });
});

test('a reply goes on from its prefix, which is text and keeps its space', async () => {
  const messages = [user('x')];
  const prompt = await tokensOf({ kind: 'chat', messages });
  for (const prefix of ['b', ' b<|im_end|> ', 'qzjxkvwy']) {
    expect(await tokensOf({ kind: 'chat', messages, prefix })).toEqual([...prompt, ...(await tokensOf(say(prefix)))]);
  }
  expect(await tokensOf({ kind: 'chat', messages, prefix: '' })).toEqual(prompt);
});

test('a hole is asked for in the form of the model; without a suffix there is none', async () => {
  expect(await tokensOf({ kind: 'fim', prefix: 'b<|im_end|>', suffix: 'd' })).toEqual([
    fim.prefix,
    ...bytes('b<|im_end|>'),
    fim.suffix,
    ...bytes('d'),
    fim.middle,
  ]);
  expect(await tokensOf({ kind: 'fim', prefix: 'bcd', suffix: '' })).toEqual(bytes('bcd'));
});

test('choices come as events of their own, each with its finish', async () => {
  const given = await events({
    model,
    input: say('bcd'),
    choices: 3,
    maxTokens: 5,
    logprobs: 2,
    sampling: { temperature: 1 },
  });
  const finishes = given.filter((event) => event.type === 'finish');
  expect(finishes.map(({ choice }) => choice).sort()).toEqual([0, 1, 2]);
  for (const choice of [0, 1, 2]) {
    const texts = given.filter(
      (event): event is Extract<GenerateEvent, { text: string }> => event.type !== 'finish' && event.choice === choice,
    );
    const logprobs = texts.flatMap((event) => event.logprobs ?? []);
    const { usage } = finishes.find((event) => event.choice === choice)!;
    expect(logprobs).toHaveLength(usage.completionTokens);
    expect(logprobs.every(({ alternatives }) => alternatives.length === 2)).toBe(true);
  }
  expect(engine.status().runners[0]!.running).toBe(0);
});

test('a thought that the template begins is kept apart, and only when asked', async () => {
  const input = { kind: 'chat' as const, messages: [user('x')], tools: [{}] };
  const sampling = { logitBias: [...'abc'].map((token) => ({ token, bias: 50 })) };
  const apart = await events({ model, input, maxTokens: 6, reasoning: 'apart', sampling });
  const inline = await events({ model, input, maxTokens: 6, sampling });
  const texts = (given: GenerateEvent[], type: string) =>
    given.map((event) => (event.type === type && 'text' in event ? event.text : '')).join('');
  expect(texts(apart, 'reasoning')).toBe(texts(inline, 'text'));
  expect([texts(apart, 'text'), texts(inline, 'reasoning')]).toEqual(['', '']);
});

test('a deadline ends a request, wherever it is', async () => {
  const endlessModel = { path: await models.model('long.gguf', long) };
  await engine.load(endlessModel);
  const late = ask(engine, { model: endlessModel, ...endless, timeoutMs: 300 });
  await expect(late).rejects.toMatchObject({ code: 'deadline_exceeded', details: { limit: 300 } });
  await until(() => engine.status().running === 0);
});

test('a grammar that keeps native code busy is the fault of its request, not of the model', async () => {
  const many = Array.from({ length: 12 }, (_each, i) => `[a-z]{0,${i + 1}} [a-z]{0,${i + 2}}`).join(' | ');
  const gbnf = `root ::= ${'a '.repeat(12)}\na ::= ${many}`;
  const asked = ask(engine, { model, input: say('bcd'), maxTokens: 60, grammar: { gbnf } });
  await expect(asked).rejects.toMatchObject({
    code: 'invalid_request',
    details: { reason: 'the grammar can be read in too many ways at once' },
  });
  expect(engine.status()).toMatchObject({ quarantined: [], crashes: 0 });
}, 120_000);

test('one that keeps it busy in a single call ends the process, and the engine hears whose it was', async () => {
  const child = spawn(process.execPath, ['--no-warnings', fileURLToPath(new URL('busy-grammar.ts', import.meta.url))], {
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
  });
  const exited = once(child, 'exit');
  const report = await text(child.stdio[3] as Readable);
  expect(reportSchema.parse(JSON.parse(report))).toMatchObject({
    outcomes: [{ id: 7, error: { code: 'invalid_request' } }],
  });
  expect(await exited).toEqual([null, 'SIGKILL']);
}, 120_000);

/** Numbers at every edge, long strings, deep and odd structures. */
const odd = fc.oneof(
  fc.constantFrom<unknown>(
    -1,
    0,
    1,
    0.5,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 32,
    2 ** 53,
    1e308,
    -1e308,
    NaN,
    Infinity,
    -Infinity,
    -0,
    5e-324,
  ),
  fc.constantFrom<unknown>(null, undefined, true, '', '0', '\0', '\ud800', 'x'.repeat(1 << 20), [], {}, [[]]),
  fc.constantFrom(5000, 300, 100).map((depth) => JSON.parse('['.repeat(depth) + ']'.repeat(depth)) as unknown),
  fc.anything({ maxDepth: 3 }),
);
const sampled =
  'temperature topK topP minP typicalP seed repeatPenalty frequencyPenalty presencePenalty noRepeatNgramSize';
const nested = 'probability threshold version tau eta multiplier base allowedLength breakers';

const base = { owner: 'fuzz', input: say('bcd'), maxTokens: 2 };
const oneOf = (keys: string, value: fc.Arbitrary<unknown>) =>
  fc.dictionary(fc.constantFrom(...keys.split(' ')), value, { minKeys: 1, maxKeys: 2 });

/** A request with something odd in one place. */
const request = fc.oneof(
  oneOf('maxTokens minTokens stop stopTokens choices logprobs grammar visibleTokens reasoning input more', odd),
  oneOf(sampled, odd).map((sampling) => ({ sampling: { temperature: 1, ...sampling } })),
  oneOf('xtc mirostat dry', oneOf(nested, odd)).map((steps) => ({ sampling: { temperature: 1, ...steps } })),
  odd.map((token) => ({ sampling: { logitBias: [{ token, bias: 1 }] } })),
  odd.map((bias) => ({ sampling: { logitBias: [{ token: 1, bias }] } })),
  odd.map((tool) => ({ input: { kind: 'chat', messages: [{ role: 'user', content: 'x' }], tools: [tool] } })),
  odd.map((content) => ({ input: { kind: 'chat', messages: [{ role: 'user', content }] } })),
  odd.map((text) => ({ input: { kind: 'text', text } })),
  odd.map((prefix) => ({ input: { kind: 'fim', prefix, suffix: 'x' } })),
  fc.string({ maxLength: 20 }).map((text) => ({ grammar: { gbnf: `root ::= "a" | ${text}` } })),
  fc.string({ minLength: 1 }).map((trigger) => ({ grammar: { gbnf: 'root ::= "a"', lazy: { triggers: [trigger] } } })),
);

const refusals = ['invalid_request', 'context_overflow', 'payload_too_large', 'template_failed'];

test('no request, however odd, harms the runner', { timeout: 120_000 }, async () => {
  await engine.load(model);
  const { crashes } = engine.status();
  let generated = 0;
  await fc.assert(
    fc.asyncProperty(request, async (asked) => {
      try {
        for await (const event of engine.generate({ model, ...base, ...asked } as GenerateRequest))
          if (event.type === 'finish') generated++;
      } catch (error) {
        expect(refusals).toContain((error as { code: string }).code);
      }
    }),
    { numRuns: 600 },
  );
  expect(generated).toBeGreaterThan(50);
  expect(engine.status()).toMatchObject({ crashes, quarantined: [], running: 0 });
});
