/** npm run bench -- tuner [--rounds N] [--steps N] [--shape starter|prototype]: ours beside its peers, in turns, on this machine. */
import { tunerBench } from './tuner/tuner-bench.ts';

const benches: Record<string, (args: readonly string[]) => Promise<void>> = { tuner: tunerBench };

const [name, ...args] = process.argv.slice(2);
const bench = benches[name ?? ''];
if (!bench) {
  console.error(`usage: npm run bench -- ${Object.keys(benches).join('|')}`);
  process.exit(2);
}
await bench(args);
