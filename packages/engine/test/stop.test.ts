import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { say, tinyEngine, TinyModels } from './tiny-engine.ts';

test('requests that are let in while the engine stops start no runner', async () => {
  await using models = await TinyModels.create();
  const model = { path: await models.model('stopping.gguf') };
  const engine = tinyEngine();
  const asked = Array.from({ length: 4 }, async () => {
    // Each gets to another place on its way in: before admission, before the lease, while the file is checked.
    for (let turn = 0; turn < 4; turn++) {
      for await (const _ of engine.generate({ model, owner: 'test', input: say('hello') }));
    }
  });
  const outcomes = Promise.allSettled(asked);
  await engine[Symbol.asyncDispose]();
  expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected', 'rejected']);
  await sleep(500);
  expect(engine.status().runners).toEqual([]);
});
