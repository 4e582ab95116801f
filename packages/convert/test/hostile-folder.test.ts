/** Damaged folders give errors of the catalogue, or models; never anything else. */
import { readFile, writeFile } from 'node:fs/promises';
import { isAtelierError } from '@atelier/errors';
import { loadNative } from '@atelier/llama';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { convertModel } from '../src/convert-model.ts';
import { parseSentencePiece } from '../src/tokenizer/sentencepiece.ts';
import { temporaryDirectory } from './temporary-directory.ts';
import { type TinyFamily, tinyFolders, writeTinyFolder } from './tiny-folder.ts';

loadNative({ gpu: 'off' });
type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const oddities: Json[] = [
  null,
  true,
  -1,
  0,
  0.5,
  1e300,
  2 ** 31,
  '',
  'x',
  '\u0000',
  '\ud800',
  [],
  {},
  [null],
  [[]],
  { type: 'Sequence' },
  { id: 'x' },
];

/** Every place in a value, as the keys that lead there. */
function* places(value: Json, at: string[] = []): Generator<string[]> {
  yield at;
  if (typeof value !== 'object' || value === null) return;
  // Of long lists and vocabularies the first few entries are as good as all.
  for (const [key, inner] of Object.entries(value).slice(0, 12)) yield* places(inner, [...at, key]);
}

function replaced(value: Json, [key, ...rest]: readonly string[], by: Json): Json {
  if (key === undefined) return by;
  const copy = structuredClone(value) as { [key: string]: Json };
  copy[key] = replaced(copy[key] ?? null, rest, by);
  return copy;
}

it.each<[TinyFamily, string]>([
  ['llama3', 'config.json'],
  ['gemma3', 'config.json'],
  ['phi3', 'config.json'],
  ['gpt2', 'config.json'],
  ['bert', 'config.json'],
  ['llama3', 'model.safetensors.index.json'],
  ['mistral', 'tokenizer.json'],
  ['qwen2', 'tokenizer.json'],
  ['bert', 'tokenizer.json'],
  ['llama2', 'tokenizer_config.json'],
  ['bert', 'modules.json'],
])('%s with any part of %s replaced', { timeout: 120_000 }, async (family, name) => {
  await using directory = await temporaryDirectory();
  const folder = directory.path('folder');
  await writeTinyFolder(folder, tinyFolders[family]);
  const whole = JSON.parse(await readFile(`${folder}/${name}`, 'utf8')) as Json;
  const change = fc.tuple(fc.constantFrom(...places(whole)), fc.constantFrom(...oddities));
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 2 }), async (changes) => {
      let damaged = whole;
      for (const [place, by] of changes) {
        try {
          damaged = replaced(damaged, place, by);
        } catch {
          // The first change took away where the second one leads.
        }
      }
      await writeFile(`${folder}/${name}`, JSON.stringify(damaged));
      const error = await convertModel(folder, directory.path('model.gguf')).catch((thrown: unknown) => thrown);
      if (error === undefined) return;
      if (!isAtelierError(error)) throw error;
      refused++;
    }),
    { numRuns: 60 },
  );
  expect(refused).toBeGreaterThan(0);
});

it('JSON that is too deep to walk', async () => {
  await using directory = await temporaryDirectory();
  await writeTinyFolder(directory.path('folder'), tinyFolders.qwen2);
  const deep = `{"pre_tokenizer":${'{"type":"Sequence","pretokenizers":['.repeat(20_000)}${']}'.repeat(20_000)},"model":{"type":"BPE"}}`;
  await writeFile(directory.path('folder/tokenizer.json'), deep);
  await expect(convertModel(directory.path('folder'), directory.path('model.gguf'))).rejects.toThrow(
    'nested more than 64 levels',
  );
});

it('SentencePiece models with any bytes changed', () => {
  const whole = tinyFolders.llama2.tokenizer['tokenizer.model'] as Buffer;
  const change = fc.tuple(fc.nat({ max: whole.length - 1 }), fc.integer({ min: 0, max: 255 }));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), fc.nat({ max: whole.length }), (changes, cut) => {
      const damaged = Buffer.from(whole);
      for (const [at, value] of changes) damaged[at] = value;
      try {
        const { pieces } = parseSentencePiece(cut % 2 === 0 ? damaged.subarray(0, cut) : damaged, 'tokenizer.model');
        expect(pieces.length).toBeLessThanOrEqual(whole.length);
      } catch (error) {
        if (!isAtelierError(error)) throw error;
      }
    }),
    { numRuns: 500 },
  );
});
