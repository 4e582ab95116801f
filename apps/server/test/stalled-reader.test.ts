import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { engineDouble } from '@atelier/engine/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { mistralServer, type MistralServer } from './support/mistral-server.ts';

const text = 'x'.repeat(1 << 14);
/** More than what systems take for a connection, both ends together. */
const mostMade = 32 << 20;

/** Goes on as long as somebody takes what it says. */
const open = { made: 0, left: 0 };
const engine = engineDouble({
  async *generate({ maxTokens }) {
    if (maxTokens === 1) {
      yield { type: 'text', choice: 0, text: 'here' };
      const usage = { promptTokens: 1, cachedTokens: 0, completionTokens: 1 };
      yield { type: 'finish', choice: 0, reason: 'length', usage };
      return;
    }
    try {
      for (; open.made < 2 * mostMade; open.made += text.length) yield { type: 'text', choice: 0, text };
    } finally {
      open.left++;
    }
  },
});

let it_: MistralServer;
beforeAll(async () => {
  it_ = await mistralServer({ ATELIER_TRAINING_JOBS: '0' }, { engine });
}, 120_000);
afterAll(() => it_[Symbol.asyncDispose]());

it.each(['/mistral/v1/chat/completions', '/openai/v1/chat/completions'])(
  'who does not read what %s says is not written for, holds up nobody, and is forgotten when gone',
  async (path) => {
    Object.assign(open, { made: 0, left: 0 });
    const body = JSON.stringify({ model: 'tiny-chat', messages: [{ role: 'user', content: 'x' }], stream: true });
    const headers = { authorization: `Bearer ${it_.server.adminKey}`, 'content-type': 'application/json' };
    const request = httpRequest(`${it_.server.currentUrl()}${path}`, { method: 'POST', headers });
    request.end(body);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.pause();
    expect(response.statusCode).toBe(200);
    let before = -1;
    while (open.made !== before) {
      before = open.made;
      await sleep(300);
    }
    expect(open.made).toBeGreaterThan(0);
    expect(open.made).toBeLessThan(mostMade);
    const other = { model: 'tiny-chat', messages: [{ role: 'user', content: 'x' }], max_tokens: 1 };
    expect((await it_.post('/mistral/v1/chat/completions', other)).status).toBe(200);
    expect(open.left).toBe(0);
    response.on('error', () => {});
    response.destroy();
    await expect.poll(() => open.left).toBe(1);
  },
);
