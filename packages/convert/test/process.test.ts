import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, readdir, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { readGguf, writeGguf } from '@atelier/llama/gguf';
import { expect, it } from 'vitest';
import { runConversion } from '../src/index.ts';
import { temporaryDirectory } from './temporary-directory.ts';
import { writeAdapterFor } from './tiny-adapter.ts';
import { tinyFolders, writeTinyFolder } from './tiny-folder.ts';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const patience = 120_000;

it('does each command in a process of its own, with progress', { timeout: patience }, async () => {
  await using directory = await temporaryDirectory();
  const at = directory.path;
  await writeTinyFolder(at('folder'), tinyFolders.qwen2);
  const seen: string[] = [];
  await runConversion(['convert', at('folder'), at('base.gguf'), '--type', 'q8_0'], {
    onProgress: ({ tensor, done, total }) => seen.push(`${tensor} ${done}/${total}`),
  });
  expect([seen[0], seen.length]).toEqual(['token_embd.weight 0/27', 27]);
  await writeAdapterFor(at('base.gguf'), at('adapter.gguf'));
  await runConversion(['merge', at('base.gguf'), at('adapter.gguf'), at('merged.gguf'), '--type', 'F16']);
  await runConversion(['export', at('adapter.gguf'), at('base.gguf'), at('peft'), '--base-name', 'org/base']);
  await runConversion(['import', at('peft'), at('base.gguf'), at('back.gguf')]);
  expect((await readGguf(at('merged.gguf'))).metadata.get('general.file_type')?.value).toBe(1);
  expect((await readdir(at('peft'))).toSorted()).toEqual(['adapter_config.json', 'adapter_model.safetensors']);
  expect((await readGguf(at('back.gguf'))).tensors).toEqual((await readGguf(at('adapter.gguf'))).tensors);
});

it('reports an error of the catalogue as itself', { timeout: patience }, async () => {
  await using directory = await temporaryDirectory();
  await writeTinyFolder(directory.path('folder'), tinyFolders.llama2);
  await writeFile(directory.path('folder/config.json'), '{"architectures": ["Mamba2ForCausalLM"]}');
  const convert = ['convert', directory.path('folder'), directory.path('model.gguf')];
  await expect(runConversion(convert)).rejects.toMatchObject({ code: 'unsupported_model' });
  const absent = runConversion(['merge', directory.path('none.gguf'), 'a', 'b']);
  await expect(absent).rejects.toMatchObject({ code: 'invalid_request' });
  await expect(absent).rejects.toThrow('ENOENT: no such file or directory');
  await expect(runConversion([...convert, '--type', 'Q9'])).rejects.toThrow('Type Q9 is unknown; known: F32, F16');
});

it('stops when asked, leaving nothing', { timeout: patience }, async () => {
  await using directory = await temporaryDirectory();
  const [base, adapter, merged] = ['base.gguf', 'adapter.gguf', 'merged.gguf'].map(directory.path) as [
    string,
    string,
    string,
  ];
  // Much to quantise, little to make: every tensor has the same numbers.
  const numbers = new Uint8Array(Float32Array.from({ length: 256 * 8192 }, (_, index) => Math.sin(index)).buffer);
  await writeGguf(base, {
    metadata: [
      ['general.architecture', { type: 'STRING', value: 'llama' }],
      ['llama.block_count', { type: 'UINT32', value: 12 }],
    ],
    tensors: Array.from({ length: 12 }, (_, layer) => ({
      name: `blk.${layer}.ffn_up.weight`,
      shape: [256, 8192],
      type: 'F32' as const,
      data: () => numbers,
    })),
  });
  await writeAdapterFor(base, adapter);
  const stop = new AbortController();
  const running = runConversion(['merge', base, adapter, merged, '--type', 'Q4_K_M'], {
    signal: stop.signal,
    onProgress: () => stop.abort(),
  });
  await expect(running).rejects.toMatchObject({ code: 'cancelled' });
  expect((await readdir(directory.path('.'))).toSorted()).toEqual(['adapter.gguf', 'base.gguf']);
  await expect(runConversion(['merge', base, adapter, merged], { signal: stop.signal })).rejects.toMatchObject({
    code: 'cancelled',
  });
});

it('says how it is used', { timeout: patience }, async () => {
  for (const args of [[], ['convert', 'one'], ['toString', 'a'], ['merge', 'a', 'b', 'c', '--what']]) {
    const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    const lines = createInterface({ input: child.stderr })[Symbol.asyncIterator]();
    expect((await lines.next()).value).toContain('usage: convert DIR OUT');
    expect(await once(child, 'exit')).toEqual([2, null]);
  }
  await expect(access('one')).rejects.toThrow('ENOENT');
});
