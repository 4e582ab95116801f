import { readFile, writeFile } from 'node:fs/promises';
import { writeTinyModel } from '@atelier/llama/testing';
import { runPlanSchema, searchResultSchema } from '@atelier/tuner/contract';
import { expect, it } from 'vitest';
import { atelier, cliDirectory } from './cli.ts';

it('plans a run and searches', { timeout: 180_000 }, async () => {
  await using cli = await cliDirectory();
  const { at, directory } = cli;
  await writeTinyModel(at('base.gguf'));
  const records = ['red', 'green', 'blue'].map((completion) => ({ kind: 'completion', prompt: 'Colour?', completion }));
  await writeFile(at('data.jsonl'), records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  const base = {
    version: 1,
    task: 'generation',
    method: 'lora',
    baseModel: 'base.gguf',
    train: ['data.jsonl'],
    validation: ['data.jsonl'],
    hyperParameters: { epochs: 1, loraRank: 2 },
    threads: 1,
  };
  await writeFile(at('spec.json'), JSON.stringify(base));
  await writeFile(
    at('search.json'),
    JSON.stringify({ version: 1, base, parameters: { learningRate: { values: [1e-4, 1e-2] } } }),
  );
  const plan = runPlanSchema.parse(JSON.parse((await atelier('plan', directory)).stdout));
  expect(plan.data).toMatchObject({ overlap: 3, training: { records: 3 } });
  const { stdout } = await atelier('search', directory);
  expect(stdout.trim().split('\n').length).toBe(2);
  const result = searchResultSchema.parse(JSON.parse(await readFile(at('result.json'), 'utf8')));
  expect(result.best!.number).toBe(2);
  await expect(atelier('plan', at('nowhere'))).rejects.toMatchObject({
    code: 1,
    stderr: 'spec.json: there is no such file (invalid_request)\n',
  });
  await writeFile(at('search.json'), '{');
  await expect(atelier('search', directory)).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('JSON') as string,
  });
});
