/** npm run bench -- tuner|engine|http|path [--rounds N] ...: ours beside its peers, in turns, on this machine. */
import { engineBench } from './engine/engine-bench.ts';
import { pathBench } from './engine/path-bench.ts';
import { httpBench } from './http/http-bench.ts';
import { tunerBench } from './tuner/tuner-bench.ts';

const benches: Record<string, (args: readonly string[]) => Promise<void>> = {
  engine: engineBench,
  http: httpBench,
  path: pathBench,
  tuner: tunerBench,
};

const [name, ...args] = process.argv.slice(2);
const bench = benches[name ?? ''];
if (!bench) {
  console.error(`usage: npm run bench -- ${Object.keys(benches).join('|')}`);
  process.exit(2);
}
await bench(args);
