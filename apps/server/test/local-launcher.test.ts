import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { AtelierError } from '@atelier/errors';
import type { RunEvent } from '@atelier/tuner/contract';
import { beforeEach, describe, expect, it } from 'vitest';
import { createLocalLauncher, tunerCommand } from '../src/compute/local-launcher.ts';
import { atRest } from './support/at-rest.ts';
import { startChild } from './support/child-process.ts';
import { allGone } from './support/processes.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';
import { silent } from './support/test-databases.ts';
import type { Script } from './support/trainer.ts';

const support = path.join(import.meta.dirname, 'support');
const launcher = createLocalLauncher({
  command: [process.execPath, path.join(support, 'trainer.ts')],
  environment: { PATH: '/bin' },
  graceMs: 600,
  logger: silent.compute,
});
const never = new AbortController().signal;

let directory: string;
beforeEach(async () => {
  const made = await temporaryDirectory();
  directory = made.path;
  return () => made[Symbol.asyncDispose]();
});

const write = (script: Script) => writeFile(path.join(directory, 'script.json'), JSON.stringify(script));
const steps = (events: RunEvent[]) => events.flatMap((event) => (event.type === 'step' ? [event.step] : []));

describe('a run on this machine', () => {
  it('tells every event in order and how it ended', async () => {
    await write({ steps: 30, stepMs: 2 });
    await using run = await launcher.launch(directory, never);
    expect(steps(await Array.fromAsync(run.events))).toEqual(Array.from({ length: 30 }, (_, index) => index + 1));
    expect(await run.ended).toEqual({ kind: 'succeeded' });
    expect(existsSync(path.join(directory, 'trainer.pid'))).toBe(false);
  });

  it('tells an event within a second of its writing', async () => {
    await write({ steps: 3, stepMs: 700 });
    await using run = await launcher.launch(directory, never);
    for await (const event of run.events) if (event.type === 'state' && event.state === 'running') break;
    const running = performance.now();
    for await (const event of run.events) if (event.type === 'step') break;
    expect(atRest(performance.now() - running - 700)).toBeLessThan(1000);
    expect(await Promise.race([run.ended, 'still running'])).toBe('still running');
  });

  it('gets nothing of the environment but what it is given', async () => {
    await write({ steps: 1, stepMs: 0 });
    await using run = await launcher.launch(directory, never);
    await run.ended;
    const { environment, ...seen } = JSON.parse(await readFile(path.join(directory, 'seen.json'), 'utf8'));
    expect(environment).toEqual(['ATELIER_PARENT_PIPE', 'PATH']);
    expect(seen).toEqual({ command: 'run', cwd: directory });
  });

  it('is cancelled when the reason is that it was cancelled', async () => {
    await write({ steps: 1000, stepMs: 20 });
    const controller = new AbortController();
    await using run = await launcher.launch(directory, controller.signal);
    for await (const event of run.events) if (event.type === 'step') break;
    controller.abort(new AtelierError('cancelled'));
    expect(await run.ended).toEqual({ kind: 'cancelled' });
  });

  it('is interrupted for any other reason, and goes on from there when it is launched again', async () => {
    await write({ steps: 40, stepMs: 10 });
    const controller = new AbortController();
    const first = await launcher.launch(directory, controller.signal);
    for await (const event of first.events) if (event.type === 'step' && event.step === 3) break;
    controller.abort(new AtelierError('shutting_down'));
    expect(await first.ended).toEqual({ kind: 'interrupted' });
    await using second = await launcher.launch(directory, never);
    expect(steps(await Array.fromAsync(second.events))).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
    expect(await second.ended).toEqual({ kind: 'succeeded' });
    expect(JSON.parse(await readFile(path.join(directory, 'seen.json'), 'utf8'))).toMatchObject({ resume: '--resume' });
  });

  it('is interrupted when it is disposed', async () => {
    await write({ steps: 1000, stepMs: 20 });
    const run = await launcher.launch(directory, never);
    for await (const event of run.events) if (event.type === 'step') break;
    await run[Symbol.asyncDispose]();
    expect(await run.ended).toEqual({ kind: 'interrupted' });
  });

  it('is killed when it does not end in time', async () => {
    await write({ steps: 1000, stepMs: 20, deaf: true });
    const controller = new AbortController();
    await using run = await launcher.launch(directory, controller.signal);
    for await (const event of run.events) if (event.type === 'step') break;
    controller.abort(new AtelierError('cancelled'));
    expect(await run.ended).toEqual({ kind: 'crashed', exitCode: null, signal: 'SIGKILL' });
  });

  it('failed when it says why, and crashed when it does not', async () => {
    await write({ steps: 1, stepMs: 0, end: 'fail' });
    await using failing = await launcher.launch(directory, never);
    const error = { code: 'training_failed', details: { reason: 'told so' }, message: 'Training failed: told so' };
    expect(await failing.ended).toEqual({ kind: 'failed', error });
    await write({ steps: 2, stepMs: 0, end: 'crash' });
    await using crashing = await launcher.launch(directory, never);
    expect(await crashing.ended).toEqual({ kind: 'crashed', exitCode: null, signal: 'SIGABRT' });
  });

  it('crashed when the program is not there', async () => {
    const broken = createLocalLauncher({
      command: ['/nowhere/tuner'],
      environment: {},
      graceMs: 100,
      logger: silent.compute,
    });
    await using run = await broken.launch(directory, never);
    expect(await run.ended).toEqual({ kind: 'crashed', exitCode: null, signal: null });
    expect(await Array.fromAsync(run.events)).toEqual([]);
  });

  it('does not start when it was aborted before', async () => {
    const reason = new AtelierError('cancelled');
    await expect(launcher.launch(directory, AbortSignal.abort(reason))).rejects.toBe(reason);
  });

  it('reads past a line that a kill cut short, and refuses one that is no event', async () => {
    await write({ steps: 2, stepMs: 0 });
    const file = path.join(directory, 'events.jsonl');
    const line = '{"type":"state","at":1,"state":"running"}\n';
    await writeFile(file, `${line}{"type":"st`);
    await using run = await launcher.launch(directory, never);
    expect(steps(await Array.fromAsync(run.events))).toEqual([1, 2]);
    await run.ended;
    await writeFile(file, `${line}{"type":"joke"}\n`);
    await expect(launcher.launch(directory, never)).rejects.toMatchObject({ code: 'training_failed' });
  });

  it('ends when the server is killed, and the next start never meets it', async () => {
    await write({ steps: 100_000, stepMs: 10 });
    for (let round = 0; round < 3; round++) {
      await using server = startChild(path.join(support, 'launcher-process.ts'), { DIRECTORY: directory });
      for await (const event of server.lines) if ((event as RunEvent).type === 'step') break;
      server.kill('SIGKILL');
      await server.exited;
    }
    await allGone(directory);
  });

  it('kills a trainer that an earlier server left', async () => {
    await write({ steps: 100_000, stepMs: 10 });
    const held = await launcher.launch(directory, never);
    for await (const event of held.events) if (event.type === 'step') break;
    await write({ steps: 1, stepMs: 0 });
    await using run = await launcher.launch(directory, never);
    expect(await held.ended).toMatchObject({ kind: 'crashed', signal: 'SIGKILL' });
    expect(await run.ended).toEqual({ kind: 'succeeded' });
  });

  it('is the tuner of this repository unless told otherwise', () => {
    expect(tunerCommand().every((part) => existsSync(part))).toBe(true);
  });
});
