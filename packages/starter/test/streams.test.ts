import { createEngine, type Engine, type GenerateRequest, type TokenLogprob } from '@atelier/engine';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { starterModelPath } from '../src/model-files.ts';

const streams = 200;
const checkedAlone = 20;
const maxTokens = 12;
/** Sums in another order differ in their last bits; where two tokens are as good as equally likely, that decides. */
const rounding = 0.1;

let engine: Engine;
beforeAll(() => {
  const logger = { debug() {}, info() {}, warn() {} };
  engine = createEngine({ logger, gpu: 'off', threads: 1, maxRunning: streams, cacheBytes: 64 << 20 });
});
afterAll(() => engine[Symbol.asyncDispose]());

const request = (i: number): GenerateRequest => ({
  model: { path: starterModelPath },
  owner: `owner ${i % 7}`,
  input: { kind: 'chat', messages: [{ role: 'user', content: `Question ${i}: what is ${i} and ${i * 7}?` }] },
  maxTokens,
  logprobs: 2,
});

type Told = { text: string; logprobs: TokenLogprob[]; completionTokens: number };

async function tell(asked: GenerateRequest): Promise<Told> {
  const told: Told = { text: '', logprobs: [], completionTokens: 0 };
  for await (const event of engine.generate(asked)) {
    if (event.type === 'finish') return { ...told, completionTokens: event.usage.completionTokens };
    if (event.type !== 'text') continue;
    told.text += event.text;
    told.logprobs.push(...(event.logprobs ?? []));
  }
  throw new Error('the stream ended without a finish');
}

test(`${streams} streams at once lose and repeat no token`, { timeout: 180_000 }, async () => {
  const before = engine.status();
  const together = await Promise.all(Array.from({ length: streams }, (_, i) => tell(request(i))));
  for (const { text, logprobs, completionTokens } of together) {
    expect(logprobs).toHaveLength(completionTokens);
    const bytes = Buffer.concat(logprobs.map((logprob) => Buffer.from(logprob.bytes)));
    expect(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)).toBe(text);
  }
  const total = together.reduce((sum, { completionTokens }) => sum + completionTokens, 0);
  expect(engine.status().completionTokens - before.completionTokens).toBe(total);

  for (let n = 0; n < checkedAlone; n++) {
    const i = Math.floor((n * streams) / checkedAlone);
    const alone = await tell(request(i));
    const among = together[i]!;
    const differs = alone.logprobs.findIndex(({ token }, at) => token !== among.logprobs[at]?.token);
    if (differs < 0) {
      if (alone.completionTokens === among.completionTokens) continue;
      // Alone it ended, or went on, where among others it did not: also a matter of rounding, at the end of the shorter.
      expect(among.text.startsWith(alone.text)).toBe(true);
      continue;
    }
    const [first, second] = alone.logprobs[differs]!.alternatives;
    expect(first!.logprob - second!.logprob).toBeLessThan(rounding);
  }
});
