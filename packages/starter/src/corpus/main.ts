/** node packages/starter/src/corpus/main.ts --seed 1 --tokens 12000000 --out DIR */
import { parseArgs } from 'node:util';
import { writeCorpus } from './write.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    tokens: { type: 'string', default: '12000000' },
    out: { type: 'string' },
  },
});
const seed = Number(values.seed);
const tokens = Number(values.tokens);
if (values.out === undefined || !Number.isSafeInteger(seed) || !Number.isSafeInteger(tokens) || tokens <= 0) {
  console.error('usage: main.ts --seed N --tokens N --out DIR');
  process.exitCode = 2;
} else {
  const written = await writeCorpus({ seed, tokens, directory: values.out });
  console.log(JSON.stringify(written));
}
