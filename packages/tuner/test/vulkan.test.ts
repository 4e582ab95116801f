/** Whole runs on a Vulkan device beside the same on the CPU. TEST_VULKAN=1 asks for them; docs/guide/gpu.md says what they need. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { readGguf } from '@atelier/llama/gguf';
import { writeTinyModel } from '@atelier/llama/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runPlanSchema, type RunSpec } from '../src/contract/index.ts';
import { Device } from '../src/graph/device.ts';
import { Memory } from '../src/graph/memory.ts';
import { contextBytes, Program } from '../src/graph/program.ts';
import { Tape } from '../src/graph/tape.ts';
import { onVulkan } from './devices.ts';
import { chatTemplate, ended, events, last, run, start, writeRun } from './run-directory.ts';
import { sequenceRecords, taskOf, writeSequenceRecords, type SequenceTask } from './sequence-records.ts';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

describe.skipIf(!onVulkan)('on Vulkan', { timeout: 180_000 }, () => {
  let root: string;
  let model: string;
  let next = 0;
  beforeAll(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'tuner-vulkan-'));
    model = path.join(root, 'tiny.gguf');
    await writeTinyModel(model, { dim: 32, ff: 64, chatTemplate });
  });
  afterAll(() => rm(root, { recursive: true }));

  type Change = Parameters<typeof writeRun>[2];

  async function prepare(gpu: RunSpec['gpu'], change: Change, records?: readonly object[]): Promise<string> {
    const directory = path.join(root, `run-${next++}`);
    await writeRun(directory, model, { ...change, gpu });
    if (records) await writeSequenceRecords(directory, records);
    return directory;
  }

  async function losses(directory: string): Promise<{ steps: number[]; validation: number; backend: string }> {
    const all = await events(directory);
    return {
      steps: all.filter((event) => event.type === 'step').map(({ loss }) => loss),
      validation: last(all, 'validation')!.loss,
      backend: last(all, 'plan')!.backend,
    };
  }

  const of = (task: SequenceTask, change: Change): [Change, readonly object[]] => [
    { task: taskOf(task), ...change },
    sequenceRecords[task],
  ];
  const cases: [string, Change, (readonly object[])?][] = [
    ['LoRA with dropout', { method: 'lora', hyperParameters: { loraDropout: 0.1 } }],
    ['full', { method: 'full', hyperParameters: { learningRate: 1e-3, activationCheckpointing: true } }],
    ['full by Adafactor', { method: 'full', hyperParameters: { learningRate: 1e-3, optimizer: 'adafactor' } }],
    ['QLoRA', { method: 'qlora', hyperParameters: { quantization: 'q8_0' } }],
    ['DoRA', { method: 'dora' }],
    ['classification', ...of('classification', { method: 'lora' })],
    ['regression', ...of('regression', { method: 'lora' })],
    ['embedding', ...of('embedding', { method: 'lora' })],
    ['scored embedding', ...of('scored', { method: 'lora' })],
    ['reward', ...of('reward', { method: 'lora' })],
    ['DPO', { task: 'preference', method: 'lora' }, sequenceRecords.reward],
  ];
  it.each(cases)('%s has the losses of the CPU', async (_, change, records) => {
    const short: Change = { ...change, hyperParameters: { epochs: 2, ...change.hyperParameters } };
    const [device, cpu] = await Promise.all(
      (['vulkan', 'off'] as const).map(async (gpu) => {
        const directory = await prepare(gpu, short, records);
        expect(await run(directory)).toBe(0);
        return losses(directory);
      }),
    );
    expect(device!.backend).toMatch(/^Vulkan/);
    expect(device!.steps.length).toBeGreaterThan(1);
    expect(device!.steps).toHaveLength(cpu!.steps.length);
    const near = (a: number, b: number): void => expect(Math.abs(a - b)).toBeLessThan(2e-3 * (1 + Math.abs(b)));
    for (const [step, loss] of device!.steps.entries()) near(loss, cpu!.steps[step]!);
    near(device!.validation, cpu!.validation);
  });

  it('goes on after an interruption where it was', async () => {
    const change: Change = { method: 'lora', hyperParameters: { epochs: 4, batchTokens: 96, loraDropout: 0.1 } };
    const whole = await prepare('vulkan', change);
    const parts = await prepare('vulkan', change);
    const interrupted = async (): Promise<number> => {
      const child = start(parts);
      const exit = ended(child);
      while (!(await events(parts)).some((event) => event.type === 'step')) await setTimeout(20);
      child.kill('SIGTERM');
      return exit;
    };
    expect(await Promise.all([run(whole), interrupted()])).toEqual([0, 75]);
    expect(await run(parts, '--resume')).toBe(0);
    expect(last(await events(parts), 'plan')!.resumedFrom).toBeGreaterThan(0);
    const [through, resumed] = await Promise.all([losses(whole), losses(parts)]);
    expect(resumed.steps).toHaveLength(through.steps.length);
    expect(resumed.validation).toBeCloseTo(through.validation, 4);
    const { path: folder, file } = last(await events(parts), 'checkpoint')!;
    expect((await readGguf(path.join(parts, folder, file))).tensors.length).toBeGreaterThan(0);
  });

  it('plans with the memory that the device has, and refuses what it has not, naming settings', async () => {
    const plan = (directory: string): { status: number | null; stdout: string; stderr: string } =>
      spawnSync(process.execPath, [main, 'plan', directory], { encoding: 'utf8' });
    const wide = path.join(root, 'wide.gguf');
    await writeTinyModel(wide, { dim: 256, ff: 1024, layers: 4, vocabSize: 2048, chatTemplate });
    const full = { baseModel: wide, method: 'full' } as const;
    const { memory } = runPlanSchema.parse(JSON.parse(plan(await prepare('vulkan', full)).stdout));
    expect(memory).toMatchObject({ limitOf: 'device', fits: true });
    const narrow = await prepare('vulkan', { ...full, memoryLimit: memory.total - memory.optimizer });
    const refused = plan(narrow);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toMatch(/what fits: .*(optimizer|method).* \(out_of_memory\)/);
    expect(await run(narrow)).toBe(1);
    expect(last(await events(narrow), 'error')).toMatchObject({ code: 'out_of_memory' });
  });

  it('names an operator that the device lacks, and computes nothing', () => {
    using device = Device.open({ gpu: 'vulkan', threads: 1 });
    const { c } = device;
    using memory = new Memory(device, 8);
    const context = c.ggml_init({ mem_size: contextBytes(c, 64), mem_buffer: null, no_alloc: true });
    // The tuner uses no operator that Vulkan lacks: this one is the CPU's alone.
    const tape = new Tape(c, context, false);
    const x = memory.reserve([4, 4]);
    memory.allocate();
    const positions = c.ggml_win_part(context, x, 2);
    expect(() => new Program(device, tape, [positions])).toThrow(/Vulkan.* cannot compute WIN_PART; .*gpu off/);
    c.ggml_free(context);
  });
});
