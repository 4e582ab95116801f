import { afterAll, beforeAll } from 'vitest';
import { LlamaModel, loadNative } from '../src/index.ts';
import { type TinyModelOptions, writeTinyModel } from '../src/testing/index.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** A tiny model for all tests of a file: written and loaded before them, disposed after them. */
export function useTinyModel(options: TinyModelOptions = {}): {
  model: LlamaModel;
  path: string;
  file: (name: string) => string;
} {
  const used = {} as { model: LlamaModel; path: string; file: (name: string) => string };
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  beforeAll(async () => {
    directory = await temporaryDirectory();
    used.file = directory.file;
    used.path = directory.file('tiny.gguf');
    await writeTinyModel(used.path, options);
    loadNative({ gpu: 'off' });
    used.model = LlamaModel.load(used.path);
  });
  afterAll(async () => {
    used.model[Symbol.dispose]();
    await directory[Symbol.asyncDispose]();
  });
  return used;
}
