import { beforeEach, expect, test } from 'vitest';
import { ThreadChoice } from '../src/runner/thread-choice.ts';

const room = { processors: 0 };
beforeEach(() => {
  room.processors = 16;
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
  const choice = new ThreadChoice(30e6, 4, room);
  expect(simulate(choice, 60_000, quiet)(4)).toBeGreaterThan(0.95);
  expect(simulate(choice, 60_000, contended)(1)).toBeGreaterThan(0.99);
  expect(simulate(choice, 120_000, quiet)(4)).toBeGreaterThan(0.7);
});

test('no more threads are used, or tried, than others leave processors', () => {
  const choice = new ThreadChoice(30e6, 4, room);
  room.processors = 1;
  expect(simulate(choice, 60_000, quiet)(1)).toBe(1);
  room.processors = 16;
  simulate(choice, 60_000, quiet);
  expect(choice.choose(1)).toBe(4);
  room.processors = 1.2;
  expect(simulate(choice, 60_000, contended)(1)).toBe(1);
  room.processors = 1.9;
  expect(simulate(choice, 60_000, quiet)(2)).toBeGreaterThan(0.9);
});

test('a single step that was held up does not change the choice', () => {
  const choice = new ThreadChoice(30e6, 2, room);
  const before = simulate(choice, 5000, (threads) => 4 / threads);
  expect(before(2)).toBeGreaterThan(0.9);
  choice.observe(1, choice.choose(1), 2000);
  expect(choice.choose(1)).toBe(2);
  expect(simulate(choice, 5000, contended)(1)).toBeGreaterThan(0.9);
});

test('threads that gain nothing are not taken', () => {
  const choice = new ThreadChoice(1e6, 8, room);
  expect(simulate(choice, 10_000, () => 1)(1)).toBeGreaterThan(0.98);
});

test('a large step gets all processors that others leave, whatever small ones have shown', () => {
  const choice = new ThreadChoice(30e6, 8, room);
  simulate(choice, 20_000, () => 1);
  expect(choice.choose(512)).toBe(8);
  for (const [processors, threads] of [
    [1, 1],
    [1.4, 1],
    [1.9, 2],
    [3.2, 3],
    [5.1, 4],
    [7.4, 6],
    [7.6, 8],
    [32, 8],
  ] as const) {
    room.processors = processors;
    expect(choice.choose(512)).toBe(threads);
    choice.observe(512, threads, 1000);
  }
});

test('every step of a model that one thread cannot serve is a large one', () => {
  const choice = new ThreadChoice(70e9, 16, room);
  for (let step = 0; step < 50; step++) {
    expect(choice.choose(1)).toBe(16);
    choice.observe(1, 16, 500);
  }
});
