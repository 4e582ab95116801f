import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeTinyModel } from '@atelier/llama/testing';
import { expect, it } from 'vitest';
import { temporaryDirectory } from '../../../packages/convert/test/temporary-directory.ts';
import { commit, hubDouble } from '../../../packages/hub/test/hub-double.ts';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

it('models pull goes on after a kill', { timeout: 180_000 }, async () => {
  await using directory = await temporaryDirectory();
  await writeTinyModel(directory.path('source.gguf'));
  const source = await readFile(directory.path('source.gguf'));
  await using hub = await hubDouble({ 'tiny.gguf': source });
  hub.token = 'hf_from_a_file';
  const pull = () =>
    spawn(process.execPath, [main, 'models', 'pull', 'org/model'], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        PATH: process.env['PATH'],
        HF_ENDPOINT: hub.endpoint,
        HF_TOKEN: hub.token,
        ATELIER_DATA: directory.path('data'),
      },
    });
  hub.slowMs = 50;
  const killed = pull();
  const part = path.join(directory.path('data'), 'models', '.pull', 'org--model', commit, 'tiny.gguf.part');
  while ((await stat(part).catch(() => ({ size: 0 }))).size < 5000)
    await new Promise((resolve) => setTimeout(resolve, 20));
  killed.kill('SIGKILL');
  await once(killed, 'exit');
  hub.slowMs = 0;
  hub.asked = [];
  const second = pull();
  let said = '';
  second.stdout.on('data', (text: Buffer) => (said += String(text)));
  expect((await once(second, 'close'))[0]).toBe(0);
  const file = path.join(directory.path('data'), 'models', 'tiny.gguf');
  expect(said.trim()).toBe(file);
  expect((await readFile(file)).equals(source)).toBe(true);
  expect(Number(/^bytes=(\d+)-$/.exec(hub.asked[0]!.range!)![1])).toBeGreaterThanOrEqual(5000);
});
