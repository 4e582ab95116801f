/** The starter model on a Vulkan device beside the same on the CPU. TEST_VULKAN=1 asks for it; docs/guide/gpu.md says what it needs. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEngine, type EmbedRequest, type Engine, type LocalModelRef } from '../src/index.ts';
import { largestDifference } from './hidden-states.ts';
import { ask, say, TinyModels } from './tiny-engine.ts';

const starter = fileURLToPath(new URL('../../starter/models/starter.gguf', import.meta.url));

describe.skipIf(process.env['TEST_VULKAN'] !== '1')('on Vulkan', { timeout: 300_000 }, () => {
  const stack = new AsyncDisposableStack();
  const log: string[] = [];
  let engines: Engine[];
  let tiny: string;
  let adapter: string;

  beforeAll(async () => {
    const models = stack.use(await TinyModels.create());
    tiny = await models.model('tiny.gguf');
    adapter = await models.adapter('adapter.gguf', { seed: 7 });
    const listen = (_: object, message: string): void => void log.push(message);
    engines = (['vulkan', 'off'] as const).map((gpu) =>
      stack.use(
        createEngine({
          environment: { ...process.env, GGML_VK_DISABLE_F16: '1' } as Record<string, string>,
          logger: { debug: listen, info: listen, warn: listen },
          gpu,
          threads: 1,
          cacheBytes: 32 << 20,
        }),
      ),
    );
  }, 300_000);
  afterAll(() => stack.disposeAsync());

  const probabilities = async (engine: Engine, model: LocalModelRef): Promise<{ text: string; all: number[] }> => {
    const all: number[] = [];
    let text = '';
    const input = say('My order arrived damaged. What should I do?');
    for await (const event of engine.generate({
      owner: 'test',
      model,
      input,
      maxTokens: 16,
      sampling: { temperature: 0 },
      logprobs: 3,
    })) {
      if (event.type !== 'text') continue;
      text += event.text;
      for (const { logprob } of event.logprobs ?? []) all.push(logprob);
    }
    return { text, all };
  };

  it('writes what the CPU writes, with nearly the same probabilities', async () => {
    const [device, cpu] = await Promise.all(engines.map((engine) => probabilities(engine, { path: starter })));
    expect(device!.text).toBe(cpu!.text);
    expect(device!.all.length).toBeGreaterThan(3);
    for (const [i, logprob] of device!.all.entries()) expect(Math.abs(logprob - cpu!.all[i]!)).toBeLessThan(0.05);
  });

  it('gives the vectors of the CPU', async () => {
    const inputs = ['the sun', 'the moon is good and the sun is warmer than it'].map(say) as EmbedRequest['inputs'];
    const request = { owner: 'test', model: { path: starter }, inputs, pooling: 'mean' } as const;
    const [device, cpu] = await Promise.all(engines.map((engine) => engine.embed(request)));
    for (const [i, vector] of device!.vectors.entries())
      expect(largestDifference(vector, cpu!.vectors[i]!)).toBeLessThan(1e-2);
  });

  it('answers with an adapter and without as the CPU does', async () => {
    for (const model of [{ path: tiny }, { path: tiny, adapter: { path: adapter } }]) {
      const [device, cpu] = await Promise.all(engines.map((engine) => probabilities(engine, model)));
      expect(device!.text).toBe(cpu!.text);
    }
    const question = { input: say('the sun'), maxTokens: 12 };
    const [plain, adapted] = await Promise.all(
      [{ path: tiny }, { path: tiny, adapter: { path: adapter } }].map((model) =>
        ask(engines[0]!, { model, ...question }),
      ),
    );
    expect(plain!.text).not.toBe(adapted!.text);
  });
});
