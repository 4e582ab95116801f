/** Prints every native log line as JSON while a model is loaded and a missing file is opened. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { LlamaModel, loadNative } from '../src/index.ts';
import { writeTinyModel } from '../src/testing/index.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'atelier-llama-log-'));
const native = loadNative({ gpu: 'off', onLog: (level, text) => console.log(JSON.stringify({ level, text })) });
await writeTinyModel(path.join(directory, 'tiny.gguf'));
LlamaModel.load(path.join(directory, 'tiny.gguf'))[Symbol.dispose]();
native.c.gguf_init_from_file(path.join(directory, 'missing.gguf'), { no_alloc: true, ctx: null });
rmSync(directory, { recursive: true });
