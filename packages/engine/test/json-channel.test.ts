import { Duplex, PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { JsonChannel } from '../src/json-channel.ts';

function channelOn(stream: Duplex, maxBytes = 1000) {
  const messages: unknown[] = [];
  const closes: (Error | undefined)[] = [];
  const channel = new JsonChannel(stream, {
    incoming: z.strictObject({ text: z.string() }),
    maxIncomingBytes: maxBytes,
    maxOutgoingBytes: maxBytes,
    onMessage: (message) => messages.push(message),
    onClose: (error) => closes.push(error),
  });
  return { channel, messages, closes };
}

test('messages survive any cutting of the bytes', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: 'binary', maxLength: 20 }), { maxLength: 5 }),
      fc.integer({ min: 1, max: 7 }),
      async (texts, size) => {
        const stream = new PassThrough();
        const { messages } = channelOn(stream);
        const bytes = Buffer.from(texts.map((text) => `${JSON.stringify({ text })}\n`).join(''));
        for (let at = 0; at < bytes.length; at += size) stream.write(bytes.subarray(at, at + size));
        stream.end();
        await new Promise((resolve) => stream.once('close', resolve));
        expect(messages).toEqual(texts.map((text) => ({ text })));
      },
    ),
    { numRuns: 100 },
  );
});

test.each([
  ['a line that is too long', `{"text":"${'x'.repeat(1000)}"}\n`],
  ['a line that never ends', 'x'.repeat(1001)],
  ['what is not JSON', 'nonsense\n'],
  ['what is not of the schema', '{"text":1}\n'],
  ['a field too many', '{"text":"a","more":1}\n'],
])('%s closes the channel, and what follows is not read', async (_, bytes) => {
  const stream = new PassThrough();
  const { messages, closes } = channelOn(stream);
  stream.write(`${bytes}{"text":"later"}\n`);
  await delay(5);
  expect(closes).toEqual([expect.any(Error)]);
  expect(messages).toEqual([]);
  expect(stream.destroyed).toBe(true);
});

test('a message larger than the other side accepts is not sent', () => {
  const sent: string[] = [];
  const stream = new Duplex({
    read() {},
    write(chunk, _, done) {
      sent.push(String(chunk));
      done();
    },
  });
  const { channel } = channelOn(stream, 100);
  expect(channel.send({ text: 'x'.repeat(100) })).toBe(false);
  expect(channel.send({ text: 'ok' })).toBe(true);
  expect(sent).toEqual(['{"text":"ok"}\n']);
});
