import { expect, test } from 'vitest';
import { EventBuffer } from '../src/event-buffer.ts';

const usage = { promptTokens: 1, cachedTokens: 0, completionTokens: 2 };
const finish = (choice = 0) => ({ type: 'finish', choice, reason: 'stop', usage }) as const;
const text = (piece: string, choice = 0) => ({ type: 'text', choice, text: piece }) as const;

test('a consumer that comes late gets everything, in order', async () => {
  const buffer = new EventBuffer(100, 1);
  buffer.push(text('a'));
  buffer.push(text('b'));
  const events = buffer.events();
  expect((await events.next()).value).toEqual(text('ab'));
  const next = events.next();
  buffer.push(text('c'));
  expect((await next).value).toEqual(text('c'));
  buffer.finish(finish());
  expect((await events.next()).value).toEqual(finish());
  expect((await events.next()).done).toBe(true);
});

test('no more than the bound waits, counted in bytes', async () => {
  const buffer = new EventBuffer(10, 1);
  expect(buffer.push(text('äöü'))).toBe(true);
  expect(buffer.push(text('äöü'))).toBe(false);
  const events = buffer.events();
  await events.next();
  expect(buffer.push(text('äöü'))).toBe(true);
});

test('an error reaches a consumer that waits, and nothing follows it', async () => {
  const buffer = new EventBuffer(10, 1);
  const events = buffer.events();
  const next = events.next();
  buffer.fail(new Error('gone'));
  buffer.finish(finish());
  await expect(next).rejects.toThrow('gone');
  expect((await events.next()).done).toBe(true);
});

test('choices keep their order and their own texts, and the last to finish ends the stream', async () => {
  const buffer = new EventBuffer(10_000, 2);
  const logprob = { token: 1, text: 'a', bytes: [97], logprob: -1, alternatives: [] };
  const sent = [
    { ...text('a'), logprobs: [logprob] },
    { ...text('b'), logprobs: [logprob, logprob] },
    text('c', 1),
    { ...text('d', 1), type: 'reasoning' as const },
    text('e'),
  ];
  for (const event of sent) buffer.push(event);
  buffer.finish(finish(1));
  buffer.push(text('f'));
  buffer.finish(finish());
  const events = await Array.fromAsync(buffer.events());
  expect(events).toEqual([
    { ...text('ab'), logprobs: [logprob, logprob, logprob] },
    text('c', 1),
    { ...text('d', 1), type: 'reasoning' },
    text('e'),
    finish(1),
    text('f'),
    finish(),
  ]);
});

test('log-probabilities count towards the bound', () => {
  const buffer = new EventBuffer(1000, 1);
  const candidate = { token: 1, text: 'a', bytes: [97], logprob: -1 };
  const logprob = { ...candidate, alternatives: Array.from({ length: 5 }, () => candidate) };
  expect(buffer.push({ ...text('a'), logprobs: [logprob] })).toBe(true);
  expect(buffer.push({ ...text('a'), logprobs: [logprob] })).toBe(false);
});
