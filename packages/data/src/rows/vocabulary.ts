import type { TemplateRenderer } from '../chat-template/template-renderer.ts';
import type { PromptModel } from './prompt-tokens.ts';
import type { Tokenizer } from './tokenizer.ts';

/** A model's vocabulary as far as prompts need it. */
export interface Vocabulary {
  tokenize(text: string, options: { addSpecial: boolean; parseSpecial: boolean }): Int32Array;
  specialTokens(): readonly { readonly id: number; readonly text: string }[];
  /** The text of a token. */
  text(token: number): string;
  readonly bos: number | undefined;
  readonly eos: number | undefined;
  readonly addBos: boolean;
  readonly fim: Readonly<Record<'prefix' | 'suffix' | 'middle', number | undefined>>;
}

/** A vocabulary and its chat template as the one who makes prompts sees them, in training and in serving alike. */
export function promptModelOf(
  vocab: Vocabulary,
  template: string | undefined,
  renderer: TemplateRenderer,
): PromptModel {
  const ids = new Map(vocab.specialTokens().map(({ id, text }) => [text, id]));
  const specialIds = new Set(ids.values());
  const continuing = continuation(vocab);
  const textOf = (token: number | undefined): string => (token === undefined ? '' : vocab.text(token));
  let around: Tokenizer['around'] | undefined;
  return {
    renderer,
    template,
    specialTokens: [...ids.keys()],
    bosToken: textOf(vocab.bos),
    eosToken: textOf(vocab.eos),
    tokenizer: {
      encode: (text, { parseSpecial, after }) =>
        after === undefined || specialIds.has(after)
          ? vocab.tokenize(text, { addSpecial: false, parseSpecial })
          : continuing(text, parseSpecial),
      specialId: (text) => ids.get(text),
      bosId: vocab.bos,
      eosId: vocab.eos,
      fim: fimTokens(vocab, ids),
      addBos: vocab.addBos,
      // Looked at only by those who need it: native code asserts that a WordPiece vocabulary has both.
      get around() {
        return (around ??= tokensAround(vocab));
      },
    },
  };
}

/** Those the vocabulary names as such, or Mistral's, which no field of a model file names. */
function fimTokens({ fim }: Vocabulary, ids: ReadonlyMap<string, number>): Tokenizer['fim'] {
  const { prefix, suffix, middle } = fim;
  if (prefix !== undefined && suffix !== undefined && middle !== undefined) return { prefix, suffix, middle };
  const [before, behind] = [ids.get('[PREFIX]'), ids.get('[SUFFIX]')];
  return before === undefined || behind === undefined ? undefined : { prefix: before, suffix: behind };
}

/**
 * Tokens of text that goes on after other text. A SentencePiece vocabulary may write a space before whatever it is given;
 * behind a character that it can only spell in bytes, none of which it joins with what follows, it has none to write.
 */
function continuation(vocab: Vocabulary): (text: string, parseSpecial: boolean) => Int32Array {
  let inFront: number | undefined;
  return (text, parseSpecial) => {
    if (inFront === undefined) {
      const texts = [...vocab.tokenize(mark, { addSpecial: false, parseSpecial: false })].map((id) => vocab.text(id));
      inFront = texts.join(' ') === '▁ <0xEE> <0x83> <0xBF>' ? texts.length : 0;
    }
    if (inFront === 0 || text === '') return vocab.tokenize(text, { addSpecial: false, parseSpecial });
    return vocab.tokenize(mark + text, { addSpecial: false, parseSpecial }).subarray(inFront);
  };
}

/** A private-use code point (Unicode 16, section 23.5), EE 83 BF in UTF-8. */
const mark = '\uE0FF';

/** Told by what the vocabulary makes of an empty text: nothing, a beginning, an end, or one of each. */
function tokensAround(vocab: Vocabulary): Tokenizer['around'] {
  const tokens = [...vocab.tokenize('', { addSpecial: true, parseSpecial: false })];
  const begins = tokens.length > 1 || (tokens.length === 1 && vocab.addBos && tokens[0] === vocab.bos) ? 1 : 0;
  return { before: tokens.slice(0, begins), after: tokens.slice(begins) };
}
