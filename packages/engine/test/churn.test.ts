import { setTimeout as delay } from 'node:timers/promises';
import { isAtelierError } from '@atelier/errors';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LocalModelRef } from '../src/index.ts';
import { ask, say, tinyEngine, TinyModels } from './tiny-engine.ts';

let models: TinyModels;
beforeAll(async () => {
  models = await TinyModels.create();
});
afterAll(() => models[Symbol.asyncDispose]());

/** Numbers below `limit` that are the same in every run. */
function numbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

test('requests that race with cancelling, unloading, idle eviction and kills all end, and leave nothing behind', async () => {
  await using engine = tinyEngine({ maxRunning: 4, maxQueue: 100, maxRunners: 2, maxAdapters: 1, idleUnloadMs: 100 });
  const bases: LocalModelRef[] = [];
  for (const name of ['a', 'b']) bases.push({ path: await models.model(`${name}.gguf`, { seed: bases.length }) });
  const adapters = [await models.adapter('one.gguf'), await models.adapter('two.gguf', { seed: 2 })];
  const pick = numbers(11);
  const codes: string[] = [];
  const asked: Promise<unknown>[] = [];
  for (let round = 0; round < 40; round++) {
    const base = bases[pick(bases.length)]!;
    const choice = pick(20);
    if (choice === 0) asked.push(engine.unload(base));
    else if (choice <= 3) {
      // SIGTERM stands for any end from outside: it says nothing about the model.
      const runner = engine.status().runners.find(({ state }) => state === 'ready');
      if (runner) process.kill(runner.pid, 'SIGTERM');
    } else {
      const model = pick(3) === 0 ? { ...base, adapter: { path: adapters[pick(2)]! } } : base;
      const signal = pick(4) === 0 ? AbortSignal.timeout(pick(60)) : undefined;
      const question = {
        model,
        owner: `owner ${pick(3)}`,
        input: say('x'.repeat(1 + pick(80))),
        maxTokens: 1 + pick(40),
      };
      const settled = ask(engine, question, signal).then(
        ({ usage }) => (usage.completionTokens <= question.maxTokens ? 'answered' : 'too long'),
        (error: unknown) => (isAtelierError(error) ? error.code : String(error)),
      );
      asked.push(settled.then((code) => codes.push(code)));
    }
    await delay(pick(80));
  }
  await Promise.all(asked);
  const allowed = ['answered', 'cancelled', 'runner_crashed'];
  expect(codes.filter((code) => !allowed.includes(code))).toEqual([]);
  expect(codes.filter((code) => code === 'answered').length).toBeGreaterThan(codes.length / 4);
  expect(engine.status()).toMatchObject({ running: 0, waiting: 0, quarantined: [] });
}, 180_000);
