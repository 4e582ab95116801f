import { beforeEach, expect, test } from 'vitest';
import { ThreadChoice } from '../src/runner/thread-choice.ts';

let room = true;
beforeEach(() => {
  room = true;
});

/** Runs steps for `ms` of simulated time; gives the share of the steps that each number of threads had. */
function simulate(choice: ThreadChoice, ms: number, cost: (threads: number) => number) {
  const steps = new Map<number, number>();
  for (let left = ms; left > 0;) {
    const threads = choice.choose(1);
    choice.observe(1, threads, cost(threads));
    left -= cost(threads);
    steps.set(threads, (steps.get(threads) ?? 0) + 1);
  }
  const total = [...steps.values()].reduce((sum, count) => sum + count, 0);
  return (threads: number) => (steps.get(threads) ?? 0) / total;
}

const quiet = (threads: number) => 4 / threads + 0.1 * threads;
/** A neighbour takes a core: who waits at barriers waits long. */
const contended = (threads: number) => (threads === 1 ? 6 : 300);

test('more threads are used where they help, and left where others use the processor', () => {
  const choice = new ThreadChoice(30e6, 4, () => room);
  expect(simulate(choice, 60_000, quiet)(4)).toBeGreaterThan(0.95);
  expect(simulate(choice, 60_000, contended)(1)).toBeGreaterThan(0.99);
  expect(simulate(choice, 120_000, quiet)(4)).toBeGreaterThan(0.7);
});

test('while all processors are busy no more threads are tried, not even at first', () => {
  const choice = new ThreadChoice(30e6, 4, () => room);
  room = false;
  expect(simulate(choice, 60_000, quiet)(1)).toBe(1);
  room = true;
  simulate(choice, 60_000, quiet);
  expect(choice.choose(1)).toBe(4);
  room = false;
  simulate(choice, 20_000, contended);
  expect(simulate(choice, 60_000, contended)(1)).toBe(1);
});

test('threads that gain nothing are not taken', () => {
  const choice = new ThreadChoice(1e6, 8, () => room);
  expect(simulate(choice, 10_000, () => 1)(1)).toBeGreaterThan(0.98);
});

test('a large step is computed as small ones have shown, and is never used for trying', () => {
  const choice = new ThreadChoice(30e6, 4, () => room);
  expect(choice.choose(512)).toBe(4);
  simulate(choice, 20_000, contended);
  for (let step = 0; step < 100; step++) {
    expect(choice.choose(512)).toBe(1);
    choice.observe(512, 1, 1000);
  }
});

test('a model that one thread cannot serve gets all of them', () => {
  const choice = new ThreadChoice(70e9, 16, () => room);
  for (let step = 0; step < 50; step++) {
    expect(choice.choose(1)).toBe(16);
    choice.observe(1, 16, 500);
  }
});
