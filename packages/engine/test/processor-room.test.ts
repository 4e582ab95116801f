import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
import { ProcessorRoom } from '../src/runner/processor-room.ts';

const processors = 4;
let time = 0;
let times = { idle: 0, own: 0 };
let room: ProcessorRoom;

beforeEach(() => {
  time = 0;
  times = { idle: 0, own: 0 };
  room = new ProcessorRoom(
    () => ({ ...times }),
    () => time,
  );
});

/** This process uses `own` processors for so long, others use `others`. */
function pass(ms: number, own: number, others: number): void {
  time += ms;
  times.own += ms * own;
  times.idle += ms * Math.max(0, processors - own - others);
}

test('what others do not use is room, whether this process uses it or nobody', () => {
  expect(room.processors).toBe(Infinity);
  pass(300, 0.5, 0);
  expect(room.processors).toBeCloseTo(4);
  pass(300, 4, 0);
  expect(room.processors).toBeCloseTo(4);
  pass(300, 1, 2);
  expect(room.processors).toBeCloseTo(2);
});

test('one processor is always counted', () => {
  pass(300, 0.2, 4);
  expect(room.processors).toBe(1);
});

test('a neighbour that comes or goes is known of after a fifth of a second', () => {
  pass(60_000, 1, 3);
  expect(room.processors).toBeCloseTo(1);
  for (let ms = 0; ms < 200; ms += 20) {
    expect(room.processors).toBeCloseTo(1);
    pass(20, 1, 0);
  }
  expect(room.processors).toBeCloseTo(4);
  pass(199, 2, 2);
  expect(room.processors).toBeCloseTo(4);
  pass(1, 2, 2);
  expect(room.processors).toBeCloseTo(2);
});

test('what others do while this process waits for work does not count, however often it waits', () => {
  room.pause();
  for (let request = 0; request < 10; request++) {
    pass(5000, 0, 4);
    room.resume();
    pass(30, 2, 1);
    room.pause();
  }
  expect(room.processors).toBeCloseTo(3);
});

test('where idleness is not counted there is room', () => {
  times.idle = NaN;
  pass(300, 1, 0);
  expect(room.processors).toBe(Infinity);
});

test('the machine itself is asked', async () => {
  const real = new ProcessorRoom();
  await sleep(300);
  expect(real.processors).toBeGreaterThanOrEqual(1);
  expect(real.processors).toBeLessThan(cpus().length + 1);
});
