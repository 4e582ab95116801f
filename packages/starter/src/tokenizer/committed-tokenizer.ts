import { readFile } from 'node:fs/promises';
import { Tokenizer, type TokenizerFile } from './tokenizer.ts';

/** The tokenizer that the committed models were trained with. */
export async function committedTokenizer(): Promise<Tokenizer> {
  const text = await readFile(new URL('../../models/tokenizer.json', import.meta.url), 'utf8');
  return Tokenizer.fromFile(JSON.parse(text) as TokenizerFile);
}
