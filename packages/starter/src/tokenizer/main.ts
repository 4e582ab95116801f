/** node packages/starter/src/tokenizer/main.ts: retrains models/tokenizer.json. The models must then be retrained too. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { trainStarterTokenizer } from './train.ts';

const seed = 1;
const corpusTokens = 3_000_000;

const path = fileURLToPath(new URL('../../models/tokenizer.json', import.meta.url));
const tokenizer = trainStarterTokenizer(seed, corpusTokens);
await mkdir(dirname(path), { recursive: true });
await writeFile(path, `${JSON.stringify(tokenizer.toFile(), null, 1)}\n`);
console.log(`${tokenizer.tokens.length} tokens -> ${path}`);
