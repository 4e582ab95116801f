/** Run directories for tests, and the tuner as the process that launchers start. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { runEventSchema, runSpecSchema, type RunEvent, type RunSpec } from '../src/contract/index.ts';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

export const chatTemplate =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

const colours = ['red', 'green', 'blue', 'grey', 'pink', 'gold', 'teal', 'navy'];

/** Questions with one-word answers. */
export const records = Array.from({ length: 24 }, (_, i) => ({
  kind: 'completion',
  prompt: `What is the colour of box ${String.fromCharCode(97 + i)}?`,
  completion: colours[i % colours.length]!,
}));

export async function writeRun(
  directory: string,
  baseModel: string,
  spec: Partial<Omit<RunSpec, 'hyperParameters'>> & { hyperParameters?: Partial<RunSpec['hyperParameters']> },
): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeFile(path.join(directory, 'train.jsonl'), records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  await writeFile(
    path.join(directory, 'validation.jsonl'),
    records
      .slice(0, 4)
      .map((record) => `${JSON.stringify(record)}\n`)
      .join(''),
  );
  const whole = runSpecSchema.parse({
    version: 1,
    task: 'generation',
    method: 'lora',
    baseModel,
    train: ['train.jsonl'],
    validation: ['validation.jsonl'],
    seed: 4,
    threads: 1,
    ...spec,
    hyperParameters: {
      epochs: 3,
      batchTokens: 256,
      learningRate: 5e-3,
      loraRank: 4,
      loraAlpha: 8,
      ...spec.hyperParameters,
    },
  });
  await writeFile(path.join(directory, 'spec.json'), JSON.stringify(whole));
}

export function start(directory: string, ...options: string[]): ChildProcess {
  return spawn(process.execPath, [main, 'run', directory, ...options], { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Runs the tuner to its end and returns its exit code; 128 and more for a signal. */
export async function run(directory: string, ...options: string[]): Promise<number> {
  return ended(start(directory, ...options));
}

export async function ended(child: ChildProcess): Promise<number> {
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  return code ?? (signal === 'SIGKILL' ? 137 : 128);
}

export async function events(directory: string): Promise<RunEvent[]> {
  const text = await readFile(path.join(directory, 'events.jsonl'), 'utf8').catch(() => '');
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => runEventSchema.parse(JSON.parse(line)));
}

/** The last event of a type. */
export function last<Type extends RunEvent['type']>(
  all: readonly RunEvent[],
  type: Type,
): Extract<RunEvent, { type: Type }> | undefined {
  return all.findLast((event): event is Extract<RunEvent, { type: Type }> => event.type === type);
}
