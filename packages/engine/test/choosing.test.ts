import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Batch, LlamaContext, LlamaModel, loadNative } from '@atelier/llama';
import { GenerationContext } from '../src/runner/generation-context.ts';
import { ThreadChoice } from '../src/runner/thread-choice.ts';
import { generate as run, generationsOf, start, type Settings } from './generate-here.ts';
import { TinyModels } from './tiny-engine.ts';

let models: TinyModels;
let model: LlamaModel;
let context: GenerationContext;
beforeAll(async () => {
  models = await TinyModels.create();
  loadNative({ gpu: 'off' });
  model = LlamaModel.load(await models.model('tiny.gguf'));
  context = new GenerationContext({
    model,
    threads: new ThreadChoice(1, 1, { processors: 1 }),
    maxSequences: 4,
    cacheTokens: 4096,
  });
});
afterAll(async () => {
  context[Symbol.dispose]();
  generationsOf(model)[Symbol.dispose]();
  model[Symbol.dispose]();
  await models[Symbol.asyncDispose]();
});

const prompt = Int32Array.from(Buffer.from('the sun in the water '.repeat(8)));
const generate = (settings: Settings) => run(model, context, prompt, { maxTokens: 24, ...settings });
const one = (settings: Settings) => generate(settings)[0]!;
const byte = (text: string) => Buffer.from(text)[0]!;

describe('choices', () => {
  test('share one prompt, which is computed once, even when there are more than places', () => {
    const before = context.computedTokens;
    const choices = generate({ choices: 6, sampling: { temperature: 1, seed: 40 } });
    const generated = choices.reduce((sum, { tokens }) => sum + tokens.length, 0);
    // The last token of the prompt is computed for each, and the last of a text for none.
    expect(context.computedTokens - before).toBe(prompt.length - 1 + generated);
    expect(new Set(choices.map(({ text }) => text)).size).toBe(6);
    for (const { tokens, finish } of choices) {
      expect(finish).toMatchObject({ promptTokens: prompt.length, completionTokens: tokens.length });
    }
  });

  test('say what each would have said alone', () => {
    const sampling = { temperature: 1, seed: 4 };
    const [first, second, third] = generate({ choices: 3, sampling });
    expect(one({ sampling }).tokens).toEqual(first!.tokens);
    expect(one({ sampling: { ...sampling, seed: 5 } }).tokens).toEqual(second!.tokens);
    expect(one({ sampling: { ...sampling, seed: 6 } }).tokens).toEqual(third!.tokens);
  });

  test('are the same when the memory has no room for all of them together, as long as rounding does not decide', () => {
    using narrow = new GenerationContext({
      model,
      threads: new ThreadChoice(1, 1, { processors: 1 }),
      maxSequences: 4,
      cacheTokens: 480,
    });
    const short = prompt.subarray(0, 100);
    const texts = (context: GenerationContext) =>
      Array.from({ length: 10 }, (_, i) => ({ temperature: 1, seed: i * 10 })).flatMap((sampling) =>
        run(model, context, short, { choices: 3, maxTokens: 100, sampling }).map(({ text }) => text),
      );
    const wide = texts(context);
    // What left the memory is computed again in other batches: now and then a number close to the edge of two tokens tips.
    expect(texts(narrow).filter((text, i) => text === wide[i]).length).toBeGreaterThan(15);
  });

  test('end together when they are cancelled', () => {
    run(model, context, prompt, { maxTokens: 1 });
    const generations = start(model, 7, prompt, { choices: 9 });
    context.add(generations);
    for (let step = 0; step < 12; step++) context.step();
    expect(context.cancel(7)).toBe(true);
    expect([context.busy, context.cancel(7)]).toEqual([false, false]);
  });
});

describe('log-probabilities', () => {
  test('are those of the softmax of the logits, whatever the sampler does', () => {
    const plain = one({ logprobs: 5, maxTokens: 4 });
    const { logprobs, tokens } = one({
      logprobs: 5,
      maxTokens: 4,
      sampling: { temperature: 2, seed: 1, logitBias: [{ token: 65, bias: 50 }] },
    });
    expect(tokens).toEqual([65, 65, 65, 65]);
    expect(logprobs[0]!.alternatives).toEqual(plain.logprobs[0]!.alternatives);

    using alone = new LlamaContext(model, { nCtx: 512, nThreads: 1 });
    const batch = new Batch(model.native, prompt.length);
    for (const [pos, token] of prompt.entries()) batch.add(token, pos, 0, pos === prompt.length - 1);
    alone.decode(batch);
    const logits = [...alone.logits()];
    const logSum = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
    expect(logprobs[0]).toMatchObject({ token: 65, text: 'A', bytes: [65] });
    expect(logprobs[0]!.logprob).toBeCloseTo(logits[65]! - logSum, 2);
    const best = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]!).slice(0, 5);
    for (const [i, { token, logprob }] of logprobs[0]!.alternatives.entries()) {
      expect(logits[token!]).toBeCloseTo(logits[best[i]!]!, 1);
      expect(logprob).toBeCloseTo(logits[token!]! - logSum, 2);
    }
  });

  test('come for every token of the text, without alternatives when none are asked for, and for no stop string', () => {
    const { logprobs, tokens, text } = one({ logprobs: 0 });
    expect(logprobs.map(({ token }) => token)).toEqual(tokens);
    expect(logprobs.every(({ alternatives }) => alternatives.length === 0)).toBe(true);
    const stop = text.slice(5, 8);
    const stopped = one({ logprobs: 0, stop: [stop] });
    expect(stopped.text).toBe(text.slice(0, text.indexOf(stop)));
    const shown = Buffer.concat(stopped.logprobs.map(({ bytes }) => Buffer.from(bytes))).toString();
    expect(shown.startsWith(stopped.text)).toBe(true);
    expect(stopped.logprobs.length).toBeLessThan(stopped.tokens.length);
    expect(one({}).logprobs).toEqual([]);
  });
});

describe('the end', () => {
  const always = (token: number, more: Settings['sampling'] = {}) => ({ logitBias: [{ token, bias: 1000 }], ...more });

  test('comes by a token of the request, which is not part of the text and is named', () => {
    const full = one({});
    const stopToken = full.tokens.find((token, i) => i > 3 && full.tokens.indexOf(token) === i)!;
    const stopped = one({ stopTokens: [stopToken] });
    expect(stopped.tokens).toEqual(full.tokens.slice(0, full.tokens.indexOf(stopToken)));
    expect(stopped.finish).toMatchObject({ reason: 'stop', stop: stopToken, completionTokens: stopped.tokens.length });
  });

  test('says which string it came by, and nothing of one when the model ends by itself', () => {
    const { text } = one({});
    const stop = text.slice(6, 9);
    expect(one({ stop: ['never said', stop] }).finish).toMatchObject({ reason: 'stop', stop });
    const { eos } = model.vocab;
    const { tokens, finish } = one({ sampling: always(eos!) });
    expect(tokens).toEqual([]);
    expect(finish).toEqual({
      reason: 'stop',
      promptTokens: prompt.length,
      cachedTokens: expect.any(Number),
      completionTokens: 0,
    });
  });

  test('does not come before the fewest tokens', () => {
    const { eos } = model.vocab;
    const { tokens, finish } = one({ minTokens: 5, sampling: always(eos!) });
    expect(tokens).toHaveLength(5);
    expect(finish.reason).toBe('stop');
    expect(one({ minTokens: 5, stopTokens: [66], sampling: always(66) }).tokens).toHaveLength(5);
  });

  test('comes when nothing is possible', () => {
    const { tokens, finish } = one({ minTokens: 20, grammar: { gbnf: 'root ::= "ab"' } });
    expect(tokens).toEqual([...Buffer.from('ab')]);
    expect(finish.reason).toBe('stop');
  });
});

describe('sampling', () => {
  const repeats = (tokens: number[], size: number) => {
    const runs = tokens.slice(size - 1).map((_, i) => tokens.slice(i, i + size).join());
    return runs.length - new Set(runs).size;
  };

  test('a bias moves a token, named by its number or its text', () => {
    expect(one({ sampling: { logitBias: [{ token: 'A', bias: 1000 }] } }).text).toBe('A'.repeat(24));
    const free = one({});
    const avoided = one({ sampling: { logitBias: free.tokens.map((token) => ({ token, bias: -1000 })) } });
    expect(avoided.tokens.some((token) => free.tokens.includes(token))).toBe(false);
    expect(() => one({ sampling: { logitBias: [{ token: 320, bias: 1 }] } })).toThrow(/320 tokens/);
  });

  test('typical, XTC and mirostat lead elsewhere than plain sampling, each in the same way for the same seed', () => {
    const base = { temperature: 0.8, seed: 3 };
    const plain = one({ sampling: base }).tokens;
    for (const sampling of [
      { ...base, typicalP: 0.2 },
      { ...base, xtc: { probability: 1, threshold: 0.001 } },
      { ...base, mirostat: { version: 1 as const, tau: 1 } },
      { ...base, mirostat: { version: 2 as const, tau: 1 } },
    ]) {
      const { tokens } = one({ sampling });
      expect(tokens).not.toEqual(plain);
      expect(one({ sampling }).tokens).toEqual(tokens);
    }
  });

  test('DRY breaks runs off that prompt or text had before', () => {
    const sampling = { logitBias: [...Buffer.from('abc')].map((token) => ({ token, bias: 30 })) };
    const maxTokens = 60;
    expect(repeats(one({ sampling, maxTokens }).tokens, 6)).toBeGreaterThan(0);
    const dry = { multiplier: 100, base: 2, allowedLength: 2, breakers: [] };
    expect(repeats(one({ sampling: { ...sampling, dry }, maxTokens }).tokens, 6)).toBe(0);
  });
});

describe('a grammar', () => {
  const gbnf = 'root ::= "[" [a-c]{3} ("," [0-9]{2})* "]"';
  const pattern = /^\[[a-c]{3}(,[0-9]{2})*\]$/;

  test('holds any choice to it, and cuts do not help out of it', () => {
    const sampling = { temperature: 1.5, topK: 3, topP: 0.5, typicalP: 0.5, seed: 1 };
    for (const { text, finish } of generate({ choices: 8, maxTokens: 300, grammar: { gbnf }, sampling })) {
      if (finish.reason === 'stop') expect(text).toMatch(pattern);
      else expect(text).toMatch(/^\[[a-c]{3}(,[0-9]{2})*/);
    }
  });

  test('leaves log-probabilities as they are', () => {
    const free = one({ logprobs: 3, maxTokens: 1 });
    expect(one({ logprobs: 3, maxTokens: 1, grammar: { gbnf } }).logprobs[0]!.alternatives).toEqual(
      free.logprobs[0]!.alternatives,
    );
  });

  test('begins after its trigger, before which everything is free', () => {
    const sampling = { logitBias: [...Buffer.from('abc')].map((token) => ({ token, bias: 30 })) };
    const free = one({ sampling }).text;
    const trigger = free.slice(2, 5);
    const lazy = { triggers: ['never said', trigger] };
    const { text } = one({ sampling, grammar: { gbnf: 'root ::= "<" [xyz]{4} ">"', lazy } });
    const at = free.indexOf(trigger) + trigger.length;
    expect(text.slice(0, at)).toBe(free.slice(0, at));
    expect(text.slice(at)).toMatch(/^<[xyz]{4}>$/);
  });

  test('is not met by special tokens of which nothing is seen', () => {
    const sampling = { logitBias: [{ token: model.vocab.fim.prefix!, bias: 1000 }] };
    const grammar = { gbnf: 'root ::= [a-z<>|_]{3,30}' };
    const { text } = one({ maxTokens: 5, sampling, grammar });
    expect(text).toMatch(/^[a-z<>|_]{3,}$/);
    const shown = one({ maxTokens: 2, sampling, grammar, visibleTokens: ['<|fim_prefix|>'] });
    expect(shown.text).toBe('<|fim_prefix|><|fim_prefix|>');
  });

  test('that is wrong is refused', () => {
    expect(() => one({ grammar: { gbnf: 'root ::= nothing' } })).toThrow(/no rule named nothing/);
  });
});

test('special tokens are shown where they are asked for', () => {
  const special = { logitBias: [{ token: model.vocab.fim.prefix!, bias: 1000 }] };
  expect(one({ maxTokens: 2, sampling: special }).text).toBe('');
  const text = model.vocab.text(model.vocab.fim.prefix!);
  expect(one({ maxTokens: 2, sampling: special, visibleTokens: [text] }).text).toBe(text + text);
  // As a trigger, it is one token.
  const grammar = { gbnf: 'root ::= "x"', lazy: { triggers: [text] } };
  expect(one({ sampling: special, visibleTokens: [text], grammar }).tokens).toEqual([
    model.vocab.fim.prefix,
    byte('x'),
  ]);
});
