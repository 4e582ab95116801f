/** What tests of the whole engine share: tiny models on disk, an engine over them, and generations as plain values. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { writeTinyAdapter, writeTinyModel, type TinyModelOptions } from '@atelier/llama/testing';
import { createEngine, type Engine, type EngineOptions, type GenerateRequest, type Usage } from '../src/index.ts';

const silent = { debug() {}, info() {}, warn() {} };

export class TinyModels implements AsyncDisposable {
  readonly directory: string;

  static async create(): Promise<TinyModels> {
    return new TinyModels(await mkdtemp(path.join(tmpdir(), 'atelier-engine-')));
  }

  private constructor(directory: string) {
    this.directory = directory;
  }

  file(name: string): string {
    return path.join(this.directory, name);
  }

  async model(name: string, options: TinyModelOptions = {}): Promise<string> {
    await writeTinyModel(this.file(name), options);
    return this.file(name);
  }

  async adapter(name: string, options: TinyModelOptions = {}): Promise<string> {
    await writeTinyAdapter(this.file(name), options);
    return this.file(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }
}

export function tinyEngine(options: Partial<EngineOptions> = {}): Engine {
  return createEngine({ logger: silent, gpu: 'off', threads: 1, cacheBytes: 8 << 20, ...options });
}

export type Answer = { text: string; reason: 'stop' | 'length' | 'tool_calls'; usage: Usage; pieces: number };

export type Question = Omit<GenerateRequest, 'owner'> & { owner?: string };

export const say = (text: string): GenerateRequest['input'] => ({ kind: 'text', text });

/** Runs a generation to its end. */
export async function ask(engine: Engine, question: Question, signal?: AbortSignal): Promise<Answer> {
  let text = '';
  let pieces = 0;
  for await (const event of engine.generate({ owner: 'test', ...question }, signal)) {
    if (event.type === 'finish') return { text, pieces, reason: event.reason, usage: event.usage };
    if (event.type !== 'text') continue;
    text += event.text;
    pieces++;
  }
  throw new Error('the stream ended without a finish');
}

/** A model and a request for it that says one word again and again, until something ends it. */
export const long: TinyModelOptions = { context: 1 << 20 };
export const endless = { input: say('go on'), sampling: { presencePenalty: -100 } };

/** Resolves when `check` holds; tests have their own time limit. */
export async function until(check: () => boolean): Promise<void> {
  while (!check()) await new Promise((resolve) => setTimeout(resolve, 5));
}
