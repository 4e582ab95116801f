import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { writeTinyModel } from '@atelier/llama/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { searchResultSchema, searchSpecSchema, type RunSpec, type SearchResult } from '../src/contract/index.ts';
import { trialsOf } from '../src/run/search/trials.ts';
import { ended, writeRun } from './run-directory.ts';

let root: string;
let model: string;
let next = 0;
beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'tuner-search-'));
  model = path.join(root, 'tiny.gguf');
  await writeTinyModel(model, { dim: 32, ff: 64 });
});
afterAll(() => rm(root, { recursive: true }));

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const start = (dir: string): ChildProcess => spawn(process.execPath, [main, 'search', dir], { stdio: 'pipe' });

async function prepare(change: object, hyperParameters: Partial<RunSpec['hyperParameters']> = {}): Promise<string> {
  const dir = path.join(root, `search-${next++}`);
  await writeRun(dir, model, { hyperParameters: { epochs: 1, ...hyperParameters } });
  const base = JSON.parse(await readFile(path.join(dir, 'spec.json'), 'utf8')) as unknown;
  await writeFile(path.join(dir, 'search.json'), JSON.stringify({ version: 1, base, ...change }));
  return dir;
}

async function resultOf(dir: string): Promise<SearchResult> {
  return searchResultSchema.parse(JSON.parse(await readFile(path.join(dir, 'result.json'), 'utf8')));
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(20);
}

describe('a search', { timeout: 180_000 }, () => {
  it('tries a grid, keeps the best by validation and goes on after a kill without trying again', async () => {
    const dir = await prepare({ parameters: { learningRate: { values: [1e-6, 2e-2] }, loraRank: { values: [2, 4] } } });
    const killed = start(dir);
    await until(() => existsSync(path.join(dir, 'result.json')));
    killed.kill('SIGKILL');
    await ended(killed);
    const first = path.join(dir, 'trials', '0001', 'events.jsonl');
    const before = await stat(first);

    const child = start(dir);
    const printed = await text(child.stdout!);
    expect(printed.trim().split('\n').length).toBe(4);
    expect((await stat(first)).mtimeMs).toBe(before.mtimeMs);
    const { trials, best, total } = await resultOf(dir);
    expect(total).toBe(4);
    expect(trials.map(({ hyperParameters: { learningRate, loraRank } }) => [learningRate, loraRank])).toEqual([
      [1e-6, 2],
      [1e-6, 4],
      [2e-2, 2],
      [2e-2, 4],
    ]);
    expect(best!.value).toBe(Math.min(...trials.map(({ value }) => value!)));
    expect(best!.number).toBeGreaterThan(2);
    expect(existsSync(path.join(dir, best!.path, 'adapter.gguf'))).toBe(true);
    for (const { number } of trials) {
      const kept = existsSync(path.join(dir, 'trials', String(number).padStart(4, '0'), 'checkpoints'));
      expect(kept).toBe(number === best!.number);
    }
  });

  it('counts a trial that fails and goes on', async () => {
    const dir = await prepare({ parameters: { maxSequenceTokens: { values: [8, 128] } } });
    expect(await ended(start(dir))).toBe(0);
    const { trials, best } = await resultOf(dir);
    expect(trials.map(({ state }) => state)).toEqual(['failed', 'succeeded']);
    expect(trials[0]).toMatchObject({ value: null, reason: expect.stringContaining('to learn from') as string });
    expect(best!.number).toBe(2);
  });

  it('stops when cancelled, and says what is wrong with its file', async () => {
    const dir = await prepare({ parameters: { loraRank: { values: [2, 4, 8] } } }, { epochs: 500 });
    const child = start(dir);
    await until(() => existsSync(path.join(dir, 'trials', '0001', 'events.jsonl')));
    await writeFile(path.join(dir, 'cancel'), '');
    expect(await ended(child)).toBe(130);
    expect(await readdir(path.join(dir, 'trials'))).toEqual(['0001']);

    const wrong = await prepare({ parameters: { loraRank: { values: [0] } } });
    const refused = start(wrong);
    const [complaint] = await Promise.all([text(refused.stderr!), once(refused, 'exit')]);
    expect(complaint).toContain('parameters.loraRank');
    expect(refused.exitCode).toBe(1);
  });
});

describe('trials', () => {
  const search = (change: object) =>
    searchSpecSchema.parse({
      version: 1,
      base: {
        version: 1,
        task: 'generation',
        method: 'lora',
        baseModel: 'm.gguf',
        train: ['t.jsonl'],
        validation: ['v.jsonl'],
      },
      ...change,
    });

  it('of a random search lie in their ranges and are those of the seed', () => {
    fc.assert(
      fc.property(fc.nat(0xffff_ffff), fc.integer({ min: 1, max: 40 }), (seed, trials) => {
        const spec = search({
          strategy: 'random',
          seed,
          trials,
          parameters: {
            learningRate: { min: 1e-6, max: 1e-2, scale: 'log' },
            loraRank: { min: 2, max: 64, integer: true },
            optimizer: { values: ['adamw', 'lion'] },
          },
        });
        const found = trialsOf(spec);
        expect(found).toEqual(trialsOf(spec));
        expect(found.length).toBe(trials);
        for (const { learningRate, loraRank, optimizer } of found) {
          expect(learningRate).toBeGreaterThanOrEqual(1e-6);
          expect(learningRate).toBeLessThanOrEqual(1e-2);
          expect(Number.isInteger(loraRank)).toBe(true);
          expect(['adamw', 'lion']).toContain(optimizer);
        }
      }),
    );
  });

  it('of a grid take the points of a range, ends included', () => {
    const found = trialsOf(search({ parameters: { learningRate: { min: 1e-4, max: 1e-2, scale: 'log', points: 3 } } }));
    expect(found.map(({ learningRate }) => (learningRate as number).toPrecision(6))).toEqual(
      [1e-4, 1e-3, 1e-2].map((value) => value.toPrecision(6)),
    );
    expect(() =>
      trialsOf(
        search({
          parameters: { epochs: { min: 1, max: 9, points: 1000 }, learningRate: { min: 1e-5, max: 1e-2, points: 11 } },
        }),
      ),
    ).toThrow('combinations');
  });
});
