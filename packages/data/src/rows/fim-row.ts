/**
 * A text with a hole, as models that fill in the middle see it (Bavarian et al. 2022, arXiv 2207.14255): prefix, suffix,
 * middle; or suffix first, where prefix and middle stand together (their second variant of SPM). Mistral's models know only
 * suffix and prefix, in this order (`encode_fim` of mistral-common). All of it is learnt.
 */
import { AtelierError } from '@atelier/errors';
import type { FimRecord } from '../records/record.ts';
import { withBos } from './encode-rendered.ts';
import type { Tokenizer } from './tokenizer.ts';
import { RowWriter, type TokenRow } from './token-row.ts';

type Hole = Pick<FimRecord, 'prefix' | 'suffix'>;

/** The tokens that stand before the middle. Fails with `template_failed` where the vocabulary has no tokens for holes. */
export function fimPromptTokens(tokenizer: Tokenizer, { prefix, suffix }: Hole): number[] {
  return layOut(tokenizer, plain(tokenizer, prefix), plain(tokenizer, suffix), false);
}

/**
 * The row of a record; undefined where `maxTokens` leave no room for its middle. Of a text that is too long, the start of
 * the prefix and the end of the suffix are left out: what is nearest to the hole says most of it.
 */
export function fimRow(
  tokenizer: Tokenizer,
  record: FimRecord,
  suffixFirst: boolean,
  maxTokens: number,
): TokenRow | undefined {
  const eos = tokenizer.eosId === undefined ? [] : [tokenizer.eosId];
  const answer = [...plain(tokenizer, record.middle), ...eos];
  const [prefix, suffix] = [plain(tokenizer, record.prefix), plain(tokenizer, record.suffix)];
  const room = maxTokens - layOut(tokenizer, [], [], suffixFirst).length - answer.length;
  if (room < 0) return undefined;
  const half = Math.floor(room / 2);
  const prefixRoom = Math.max(half, room - suffix.length);
  const keptPrefix = prefix.slice(Math.max(0, prefix.length - prefixRoom));
  const keptSuffix = suffix.slice(0, room - keptPrefix.length);
  return new RowWriter()
    .add(layOut(tokenizer, keptPrefix, keptSuffix, suffixFirst), 1)
    .add(answer, 1)
    .row();
}

function layOut(
  tokenizer: Tokenizer,
  prefix: readonly number[],
  suffix: readonly number[],
  suffixFirst: boolean,
): number[] {
  const { fim } = tokenizer;
  if (fim === undefined) {
    throw new AtelierError('template_failed', {
      reason:
        'the model was not made to fill in the middle: its vocabulary lacks the tokens that mark prefix, suffix and middle',
    });
  }
  if (fim.middle === undefined) return withBos([fim.suffix, ...suffix, fim.prefix, ...prefix], tokenizer);
  const tokens = suffixFirst
    ? [fim.prefix, fim.suffix, ...suffix, fim.middle, ...prefix]
    : [fim.prefix, ...prefix, fim.suffix, ...suffix, fim.middle];
  return withBos(tokens, tokenizer);
}

function plain(tokenizer: Tokenizer, text: string): readonly number[] {
  return [...tokenizer.encode(text, { parseSpecial: false })];
}
