import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readRecords } from '@atelier/data';
import { LlamaModel, loadNative } from '@atelier/llama';
import { dequantise, readGguf, readTensor } from '@atelier/llama/gguf';
import { runSpecSchema } from '@atelier/tuner/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { releaseModel } from '../src/training/release.ts';
import { newestCheckpoint, prepareRun } from '../src/training/run-directory.ts';

let directory: string;

beforeAll(async () => {
  loadNative({ gpu: 'off' });
  directory = await mkdtemp(path.join(tmpdir(), 'starter-'));
  await prepareRun(directory, 'tiny', { corpusTokens: 3000 });
});
afterAll(() => rm(directory, { recursive: true, force: true }));

describe('a prepared run', () => {
  it('has a spec that the tuner accepts and the files that it names', async () => {
    const spec = runSpecSchema.parse(JSON.parse(await readFile(path.join(directory, 'spec.json'), 'utf8')));
    expect(spec.method).toBe('full');
    for (const file of [...spec.train, ...spec.validation]) {
      let records = 0;
      for await (const _ of readRecords(path.join(directory, file))) records++;
      expect(records).toBeGreaterThan(10);
    }
    await readGguf(path.join(directory, spec.baseModel));
  });

  it('is left as it is by a second preparation', async () => {
    const before = await readFile(path.join(directory, 'corpus/train.jsonl'));
    await prepareRun(directory, 'tiny', { corpusTokens: 6000 });
    expect(await readFile(path.join(directory, 'corpus/train.jsonl'))).toEqual(before);
  });

  it('finds the newest checkpoint in the events, even beside a line cut short', async () => {
    expect(await newestCheckpoint(directory)).toBeUndefined();
    const event = (step: number) =>
      JSON.stringify({
        type: 'checkpoint',
        at: 0,
        step,
        epoch: 1,
        path: `checkpoints/${step}`,
        file: 'model.gguf',
        sha256: '',
        bytes: 1,
      });
    await writeFile(path.join(directory, 'events.jsonl'), `${event(5)}\n${event(9)}\n{"type":"step","at":1,"st`);
    expect(await newestCheckpoint(directory)).toEqual({
      file: path.join(directory, 'checkpoints/9/model.gguf'),
      step: 9,
    });
  });
});

describe('a released model', () => {
  it('is loaded by libllama and differs from the trained one by half precision only', async () => {
    const from = path.join(directory, 'initial.gguf');
    const to = path.join(directory, 'released.gguf');
    await releaseModel(from, to);
    using model = LlamaModel.load(to);
    expect(model.vocab.eos).toBeDefined();
    const [before, after] = [await readGguf(from), await readGguf(to)];
    for (const [i, tensor] of before.tensors.entries()) {
      const released = after.tensors[i]!;
      expect(released.type).toBe(tensor.shape.length === 1 ? 'F32' : 'F16');
      const wanted = dequantise(tensor.type, await readTensor(from, tensor));
      const values = dequantise(released.type, await readTensor(to, released));
      let worst = 0;
      for (let j = 0; j < wanted.length; j++)
        worst = Math.max(worst, Math.abs(wanted[j]! - values[j]!) - Math.abs(wanted[j]!) * 2 ** -11);
      expect(worst).toBeLessThan(1e-7);
    }
  });
});
