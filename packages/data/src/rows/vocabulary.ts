import type { TemplateRenderer } from '../chat-template/template-renderer.ts';
import type { PromptModel } from './prompt-tokens.ts';

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
  const textOf = (token: number | undefined): string => (token === undefined ? '' : vocab.text(token));
  const { prefix, suffix, middle } = vocab.fim;
  return {
    renderer,
    template,
    specialTokens: [...ids.keys()],
    bosToken: textOf(vocab.bos),
    eosToken: textOf(vocab.eos),
    tokenizer: {
      encode: (text, { parseSpecial }) => vocab.tokenize(text, { addSpecial: false, parseSpecial }),
      specialId: (text) => ids.get(text),
      bosId: vocab.bos,
      eosId: vocab.eos,
      fim:
        prefix === undefined || suffix === undefined || middle === undefined ? undefined : { prefix, suffix, middle },
      addBos: vocab.addBos,
    },
  };
}
