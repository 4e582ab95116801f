/**
 * Real vocabularies and chat templates for tests, out of the llama.cpp source that node-llama-cpp brings along as a git
 * bundle. Unpacked once into node_modules/.cache; nothing of it is ours to commit.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readGguf } from '../gguf/read.ts';
import type { GgufValue } from '../gguf/values.ts';

const run = promisify(execFile);

/** No file asked for is larger. */
const maxBuffer = 64 * 2 ** 20;

/** Path of a copy of that file of llama.cpp's repository, such as `models/ggml-vocab-gpt-2.gguf`. Needs git. */
export async function bundledFile(name: string): Promise<string> {
  const bundle = fileURLToPath(new URL('../llama/gitRelease.bundle', import.meta.resolve('node-llama-cpp')));
  const cache = path.join(path.resolve(path.dirname(bundle), '..', '..'), '.cache', 'llama-cpp-source');
  const file = path.join(cache, name.replaceAll('/', '-'));
  if (existsSync(file)) return file;
  await mkdir(cache, { recursive: true });
  const repository = path.join(cache, 'repository.git');
  if (!existsSync(repository)) {
    // Test processes run side by side: each makes its own, and the first to be done stays.
    const aside = await mkdtemp(path.join(cache, 'clone-'));
    await run('git', ['clone', '--quiet', '--bare', bundle, path.join(aside, 'repository.git')]);
    await rename(path.join(aside, 'repository.git'), repository).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
    await rm(aside, { recursive: true, force: true });
  }
  const { stdout } = await run('git', ['-C', repository, 'cat-file', 'blob', `HEAD:${name}`], {
    encoding: 'buffer',
    maxBuffer,
  });
  const aside = `${file}.${process.pid}`;
  await writeFile(aside, stdout);
  await rename(aside, file);
  return file;
}

/** A real tokenizer, by the name of its file in llama.cpp's repository, as keys for `writeTinyModel`; `size` is its vocabSize. */
export async function realVocabulary(
  name: string,
): Promise<{ vocabulary: readonly (readonly [string, GgufValue])[]; vocabSize: number }> {
  const { metadata } = await readGguf(await bundledFile(`models/ggml-vocab-${name}.gguf`));
  const tokens = metadata.get('tokenizer.ggml.tokens');
  if (tokens?.type !== 'ARRAY') throw new TypeError(`${name} has no tokens`);
  return {
    vocabulary: [...metadata].filter(
      ([key]) => key.startsWith('tokenizer.') && !key.endsWith('chat_template') && !key.endsWith('token_type_count'),
    ),
    vocabSize: tokens.value.length,
  };
}
