import { spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Engine } from '../src/index.ts';
import { ask, endless, long, say, tinyEngine, TinyModels, until, type Question } from './tiny-engine.ts';

let models: TinyModels;
beforeAll(async () => {
  models = await TinyModels.create();
});
afterAll(() => models[Symbol.asyncDispose]());

const pidOf = (engine: Engine, model: string) => engine.status().runners.find((runner) => runner.model === model)!.pid;

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Starts a generation that does not end by itself, and waits for its first piece. */
async function begin(
  engine: Engine,
  model: { path: string },
  more: Partial<Question> = {},
): Promise<{ rest: Promise<void> }> {
  const stream = engine.generate({ model, owner: 'test', ...endless, ...more })[Symbol.asyncIterator]();
  expect((await stream.next()).value).toMatchObject({ type: 'text' });
  const rest = (async () => {
    while (!(await stream.next()).done);
  })();
  rest.catch(() => {});
  return { rest };
}

test('a runner that is killed fails what was inside, and nothing else; the next request is served', async () => {
  await using engine = tinyEngine();
  const [one, other] = [
    { path: await models.model('one.gguf', long) },
    { path: await models.model('other.gguf', long) },
  ];
  const inside = [await begin(engine, one), await begin(engine, one)];
  const beside = await begin(engine, other);
  process.kill(pidOf(engine, one.path), 'SIGKILL');
  for (const { rest } of inside) await expect(rest).rejects.toMatchObject({ code: 'runner_crashed' });
  expect((await ask(engine, { model: one, input: say('hi'), maxTokens: 3 })).usage.completionTokens).toBe(3);
  expect(engine.status()).toMatchObject({ crashes: 1, quarantined: [] });
  await engine.unload(other);
  await expect(beside.rest).rejects.toMatchObject({ code: 'cancelled' });
});

test('a file whose runner faults twice within a minute is left alone', async () => {
  await using engine = tinyEngine();
  const model = { path: await models.model('faulty.gguf', long) };
  for (let crash = 0; crash < 2; crash++) {
    const inside = await begin(engine, model);
    process.kill(pidOf(engine, model.path), 'SIGSEGV');
    await expect(inside.rest).rejects.toMatchObject({ code: 'runner_crashed' });
  }
  await expect(engine.load(model)).rejects.toMatchObject({
    code: 'model_quarantined',
    details: { name: 'faulty.gguf', crashes: 2 },
  });
  expect(engine.status()).toMatchObject({ runners: [], quarantined: [model.path] });
});

test('a pinned model is back after a crash before anybody asks for it, until it is left alone', async () => {
  await using engine = tinyEngine();
  const model = { path: await models.model('pinned.gguf', long) };
  using _pin = await engine.pin(model);
  const first = pidOf(engine, model.path);
  process.kill(first, 'SIGSEGV');
  const back = () => engine.status().runners.some(({ pid, state }) => pid !== first && state === 'ready');
  await until(back);
  process.kill(pidOf(engine, model.path), 'SIGSEGV');
  await until(() => engine.status().quarantined.includes(model.path));
  await expect(engine.load(model)).rejects.toMatchObject({ code: 'model_quarantined' });
});

test('a fault while somebody uses a grammar is not put down to the file', async () => {
  await using engine = tinyEngine();
  const model = { path: await models.model('innocent.gguf', long) };
  for (let crash = 0; crash < 2; crash++) {
    const inside = await begin(engine, model);
    const grammar = { gbnf: 'root ::= [a-z]*' };
    const suspect = await begin(engine, model, { grammar, minTokens: 1_000_000, sampling: {} });
    process.kill(pidOf(engine, model.path), 'SIGSEGV');
    for (const { rest } of [inside, suspect]) await expect(rest).rejects.toMatchObject({ code: 'runner_crashed' });
  }
  await engine.load(model);
  expect(engine.status()).toMatchObject({ crashes: 2, quarantined: [] });
});

test('a file whose runner dies twice while loading is left alone', async () => {
  await using engine = tinyEngine();
  const model = { path: await models.model('loading.gguf') };
  for (let crash = 0; crash < 2; crash++) {
    const loading = engine.load(model);
    await until(() => engine.status().runners.length > 0);
    process.kill(pidOf(engine, model.path), 'SIGKILL');
    await expect(loading).rejects.toMatchObject({ code: 'runner_crashed' });
  }
  await expect(engine.load(model)).rejects.toMatchObject({ code: 'model_quarantined' });
});

test('files that are not models are refused without starting a process', async () => {
  await using engine = tinyEngine();
  const whole = await models.model('cut.gguf');
  const cut = await open(whole, 'r+');
  await cut.truncate((await cut.stat()).size - 1);
  await cut.close();
  const adapter = await models.adapter('adapter.gguf');
  for (const path of [whole, adapter, models.directory, models.file('nowhere.gguf')]) {
    await expect(engine.load({ path })).rejects.toMatchObject({ code: 'invalid_model_file' });
  }
  expect(engine.status()).toMatchObject({ crashes: 0, runners: [] });
});

test('a model that nobody uses is unloaded, and so is the one idle for longest when another needs its place', async () => {
  await using engine = tinyEngine({ maxRunners: 1, idleUnloadMs: 300 });
  const [first, second] = [{ path: await models.model('first.gguf') }, { path: await models.model('second.gguf') }];
  await Promise.all([first, second, first].map((model) => ask(engine, { model, input: say('hi'), maxTokens: 2 })));
  expect(engine.status().runners).toHaveLength(1);
  const { pid } = engine.status().runners[0]!;
  await until(() => engine.status().runners.length === 0);
  expect(alive(pid)).toBe(false);
  expect(engine.status().crashes).toBe(0);
});

test('disposing ends everything, and what comes later is refused', async () => {
  const engine = tinyEngine();
  const model = { path: await models.model('last.gguf', long) };
  const inside = await begin(engine, model);
  const pid = pidOf(engine, model.path);
  await engine[Symbol.asyncDispose]();
  await expect(inside.rest).rejects.toMatchObject({ code: 'shutting_down' });
  await expect(engine.load(model)).rejects.toMatchObject({ code: 'shutting_down' });
  expect(alive(pid)).toBe(false);
});

test.each([
  ['generates', 'engine-process.ts', () => models.model('orphan.gguf', long)],
  ['hangs in native code', 'spinning-process.ts', async () => 'parent'],
])('a runner that %s does not outlive the process of its engine', async (_, script, argument) => {
  const file = fileURLToPath(new URL(script, import.meta.url));
  const parent = spawn(process.execPath, ['--no-warnings', file, await argument()], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const pid = Number(
    await new Promise<string>((resolve) => parent.stdout.once('data', (chunk: Buffer) => resolve(String(chunk)))),
  );
  expect(alive(pid)).toBe(true);
  parent.kill('SIGKILL');
  await until(() => !alive(pid));
});
