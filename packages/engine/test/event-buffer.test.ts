import { expect, test } from 'vitest';
import { EventBuffer } from '../src/event-buffer.ts';

const finish = { type: 'finish', reason: 'stop', usage: { promptTokens: 1, completionTokens: 2 } } as const;

test('a consumer that comes late gets everything, in order', async () => {
  const buffer = new EventBuffer(100);
  buffer.push('a');
  buffer.push('b');
  const events = buffer.events();
  expect((await events.next()).value).toEqual({ type: 'text', text: 'ab' });
  const next = events.next();
  buffer.push('c');
  expect((await next).value).toEqual({ type: 'text', text: 'c' });
  buffer.finish(finish);
  expect((await events.next()).value).toEqual(finish);
  expect((await events.next()).done).toBe(true);
});

test('no more than the bound waits, counted in bytes', async () => {
  const buffer = new EventBuffer(10);
  expect(buffer.push('äöü')).toBe(true);
  expect(buffer.push('äöü')).toBe(false);
  const events = buffer.events();
  await events.next();
  expect(buffer.push('äöü')).toBe(true);
});

test('an error reaches a consumer that waits, and nothing follows it', async () => {
  const buffer = new EventBuffer(10);
  const events = buffer.events();
  const next = events.next();
  buffer.fail(new Error('gone'));
  buffer.finish(finish);
  await expect(next).rejects.toThrow('gone');
  expect((await events.next()).done).toBe(true);
});
