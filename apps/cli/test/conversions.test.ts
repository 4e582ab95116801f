import { readFile } from 'node:fs/promises';
import { writeTinyAdapter, writeTinyModel } from '@atelier/llama/testing';
import { expect, it } from 'vitest';
import { atelier, cliDirectory } from './cli.ts';

it('merges, exports and imports adapters', { timeout: 180_000 }, async () => {
  await using cli = await cliDirectory();
  const { at } = cli;
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
  await using cli = await cliDirectory();
  const failed = await atelier('models', 'convert', cli.directory, cli.at('model.gguf')).catch(
    (error: unknown) => error,
  );
  expect(failed).toMatchObject({
    code: 1,
    stderr: 'Model file config.json is not usable: it cannot be read (invalid_model_file)\n',
  });
});
