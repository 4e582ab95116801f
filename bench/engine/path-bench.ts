/** What HTTP and the pipe to the runner take of a token's time: the same generations with and without them, in turns. */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { bare } from './bare.ts';
import { warmUp, type Settings } from './contender.ts';
import { median } from '../median.ts';
import { ours } from './ours.ts';
import { prompts } from './prompts.ts';
import { modelSizes, writeRandomModel } from './random-model.ts';

const [size, input, output] = ['30M', 128, 64] as const;

export async function pathBench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { rounds: { type: 'string', default: '20' }, concurrent: { type: 'string', default: '1,8' } },
  });
  const directory = await mkdtemp(path.join(tmpdir(), 'path-bench-'));
  try {
    const modelFile = path.join(directory, `${size}.gguf`);
    await writeRandomModel(modelFile, size);
    console.log(
      `${new Date().toISOString()}, ${cpus()[0]?.model}, ${cpus().length} threads, ${size}, ${input} / ${output}\n`,
    );
    console.log(
      '| concurrent | ms a token bare | through the server | difference | between two tokens bare | through the server | difference |',
    );
    console.log(`|${' --- |'.repeat(7)}`);
    for (const concurrent of values.concurrent.split(',').map(Number)) {
      const inner = await mkdtemp(path.join(directory, 'run-'));
      const { context: contextTokens } = modelSizes[size];
      const settings: Settings = { modelFile, threads: cpus().length, concurrent, contextTokens, directory: inner };
      await using stack = new AsyncDisposableStack();
      const contenders = [stack.use(await bare(settings)), stack.use(await ours(settings))];
      for (const contender of contenders) await warmUp(contender);
      const times = contenders.map(() => ({ token: [] as number[], between: [] as number[] }));
      for (let round = 0; round <= Number(values.rounds); round++) {
        for (const [at, contender] of contenders.entries()) {
          const start = performance.now();
          const timings = await contender.run({ prompts: prompts(concurrent, input, false, round), maxTokens: output });
          const ms = performance.now() - start;
          if (round === 0) continue;
          times[at]!.token.push(ms / timings.reduce((sum, { tokens }) => sum + tokens, 0));
          times[at]!.between.push(...timings.map(({ first, last, tokens }) => (last - first) / (tokens - 1)));
        }
      }
      const row = (['token', 'between'] as const).flatMap((key) => {
        const [without, through] = times.map((each) => median(each[key]));
        return [without!, through!, through! - without!].map((ms) => ms.toFixed(2));
      });
      console.log(`| ${concurrent} | ${row.join(' | ')} |`);
    }
  } finally {
    await rm(directory, { recursive: true });
  }
}
