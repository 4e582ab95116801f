import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { writeTinyAdapter, writeTinyModel } from '@atelier/llama/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';

const run = fileURLToPath(new URL('../../../scripts/run.mjs', import.meta.url));
const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const atelier = (...args: string[]): Promise<{ stdout: string; stderr: string }> =>
  promisify(execFile)(process.execPath, [run, main, ...args]);

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'atelier-cli-'));
});
afterEach(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));

it('merges, exports and imports adapters', { timeout: 180_000 }, async () => {
  const at = (name: string): string => path.join(directory, name);
  await writeTinyModel(at('base.gguf'));
  await writeTinyAdapter(at('adapter.gguf'));
  const merged = await atelier(
    'models',
    'merge',
    at('base.gguf'),
    at('adapter.gguf'),
    at('merged.gguf'),
    '--type',
    'Q8_0',
  );
  expect(merged.stdout.trim()).toBe(at('merged.gguf'));
  await atelier(
    'adapters',
    'export',
    at('adapter.gguf'),
    at('base.gguf'),
    at('peft'),
    '--base-name',
    'org/base',
    '--rslora',
  );
  const config = JSON.parse(await readFile(at('peft/adapter_config.json'), 'utf8')) as object;
  expect(config).toMatchObject({ base_model_name_or_path: 'org/base', use_rslora: true, lora_alpha: 4 });
  await atelier('adapters', 'import', at('peft'), at('base.gguf'), at('back.gguf'));
  expect((await readFile(at('back.gguf'))).equals(await readFile(at('adapter.gguf')))).toBe(true);
});

it('says in a line what is wrong with a folder', { timeout: 180_000 }, async () => {
  const failed = await atelier('models', 'convert', directory, path.join(directory, 'model.gguf')).catch(
    (error: unknown) => error,
  );
  expect(failed).toMatchObject({
    code: 1,
    stderr: 'Model file config.json is not usable: it cannot be read (invalid_model_file)\n',
  });
});
