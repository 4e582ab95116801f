/**
 * Ours through HTTP beside llama.cpp's server (LLAMA_SERVER) and node-llama-cpp's engine, in turns on the same random
 * model. Where prefixes are shared, seven eighths of each prompt are common to a round and new to it.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { processorSeconds, warmUp, type Contender, type Load, type Settings } from './contender.ts';
import { llamaServer } from './llama-server.ts';
import { median } from '../median.ts';
import { nodeLlamaCpp } from './node-llama-cpp.ts';
import { ours } from './ours.ts';
import { prompts } from './prompts.ts';
import { modelSizes, writeRandomModel, type ModelSize } from './random-model.ts';
import type { Timing } from './stream-client.ts';

const shapes = [
  { input: 128, output: 64 },
  { input: 1024, output: 16 },
];

/** What one contender did in one round. */
type Turn = { tokensPerSecond: number; tokensPerProcessorSecond: number; first: number; between: number };

export async function engineBench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '5' },
      models: { type: 'string', default: Object.keys(modelSizes).join(',') },
      concurrent: { type: 'string', default: '1,8,32' },
      /** On a machine that others use too, one thread each compares more fairly than all. */
      threads: { type: 'string', default: String(cpus().length) },
      /** A point's rounds end after so long, the first one apart. */
      seconds: { type: 'string', default: '120' },
      /** Only points whose name holds this. */
      only: { type: 'string', default: '' },
    },
  });
  const threads = Number(values.threads);
  const directory = await mkdtemp(path.join(tmpdir(), 'engine-bench-'));
  try {
    console.log(`${new Date().toISOString()}, ${cpus()[0]?.model}, ${threads} threads of ${cpus().length}\n`);
    console.log(
      '| model, concurrent, in / out, prefixes | tokens/s ours | llama-server | node-llama-cpp | ratio | ratio a processor second | first token ms ours | llama-server | ratio | between tokens ms ours | llama-server | rounds | load |',
    );
    console.log(`|${' --- |'.repeat(13)}`);
    for (const size of values.models.split(',') as ModelSize[]) {
      const modelFile = path.join(directory, `${size}.gguf`);
      await writeRandomModel(modelFile, size);
      for (const concurrent of values.concurrent.split(',').map(Number)) {
        const inner = await mkdtemp(path.join(directory, 'run-'));
        const settings: Settings = {
          modelFile,
          threads,
          concurrent,
          contextTokens: modelSizes[size].context,
          directory: inner,
        };
        await using stack = new AsyncDisposableStack();
        const contenders: Contender[] = [];
        for (const start of [ours, llamaServer, nodeLlamaCpp]) {
          const contender = await start(settings);
          if (contender) contenders.push(stack.use(contender));
        }
        for (const contender of contenders) await warmUp(contender);
        for (const { input, output } of shapes) {
          for (const shared of [false, true]) {
            const name = `${size}, ${concurrent}, ${input} / ${output}, ${shared ? 'shared' : 'unshared'}`;
            if (!name.includes(values.only)) continue;
            const load = (round: number): Load => ({
              prompts: prompts(concurrent, input, shared, round),
              maxTokens: output,
            });
            const turns = await inTurns(contenders, load, Number(values.rounds), Number(values.seconds));
            console.log(`| ${name} | ${cells(contenders, turns)} | ${loadavg()[0]!.toFixed(1)} |`);
          }
        }
      }
      await rm(modelFile);
    }
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** The first round brings the prompts' length, and does not count. */
async function inTurns(
  contenders: readonly Contender[],
  load: (round: number) => Load,
  rounds: number,
  seconds: number,
): Promise<Map<Contender, Turn[]>> {
  const turns = new Map(contenders.map((contender): [Contender, Turn[]] => [contender, []]));
  let end = Infinity;
  for (let round = 0; round <= rounds && performance.now() < end; round++) {
    for (const contender of contenders) {
      const turn = await takeTurn(contender, load(round));
      if (round > 0) turns.get(contender)!.push(turn);
    }
    if (round === 1) end = performance.now() + seconds * 1000;
  }
  return turns;
}

async function takeTurn(contender: Contender, load: Load): Promise<Turn> {
  const used = processorSeconds(contender.pid);
  const start = performance.now();
  const timings = await contender.run(load);
  const wall = (performance.now() - start) / 1000;
  const processor = processorSeconds(contender.pid) - used;
  const tokens = timings.reduce((sum, timing) => sum + timing.tokens, 0);
  const between = ({ first, last, tokens: count }: Timing): number => (last - first) / Math.max(1, count - 1);
  return {
    tokensPerSecond: tokens / wall,
    tokensPerProcessorSecond: tokens / processor,
    first: mean(timings.map(({ first }) => first)),
    between: mean(timings.map(between)),
  };
}

function cells(contenders: readonly Contender[], turns: ReadonlyMap<Contender, Turn[]>): string {
  const of = (name: string, key: keyof Turn): number => {
    const contender = contenders.find((each) => each.name === name);
    return contender ? median(turns.get(contender)!.map((turn) => turn[key])) : NaN;
  };
  const number = (value: number, digits = 0): string => (Number.isNaN(value) ? '-' : value.toFixed(digits));
  const peer = 'llama-server';
  const ratio = (key: keyof Turn): string => number(of('ours', key) / of(peer, key), 2);
  return [
    ...['ours', peer, 'node-llama-cpp'].map((name) => number(of(name, 'tokensPerSecond'))),
    ratio('tokensPerSecond'),
    ratio('tokensPerProcessorSecond'),
    ...['ours', peer].map((name) => number(of(name, 'first'))),
    ratio('first'),
    ...['ours', peer].map((name) => number(of(name, 'between'), 1)),
    turns.get(contenders[0]!)!.length,
  ].join(' | ');
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
