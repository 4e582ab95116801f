import { llama_token_attr } from '../generated/enums.ts';
import { checkInteger, invalid } from '../arguments.ts';
import type { Lifetime } from '../lifetime.ts';
import { longestRun, maxRun } from './longest-run.ts';
import type { CFunctions } from '../native/functions.ts';
import type { Pointer } from '../native/pointer.ts';

export interface TokenizeOptions {
  /** Adds the beginning and end tokens that the vocabulary is configured to add. Off by default. */
  addSpecial?: boolean;
  /** Reads the text of control tokens as those tokens. Off by default, so that a user's text stays text. */
  parseSpecial?: boolean;
}

export interface SpecialToken {
  id: number;
  text: string;
}

/** Longest text that is tokenised at once, in bytes of UTF-8; far above any context. */
const maxTextBytes = 64 * 2 ** 20;

const specialAttributes =
  llama_token_attr.LLAMA_TOKEN_ATTR_CONTROL |
  llama_token_attr.LLAMA_TOKEN_ATTR_USER_DEFINED |
  llama_token_attr.LLAMA_TOKEN_ATTR_UNKNOWN;

/** A model's vocabulary. Token ids are 0 to `size` - 1; a special token that a vocabulary lacks is undefined. */
export class Vocab {
  readonly pointer: Pointer<'llama_vocab'>;
  readonly size: number;
  readonly bos: number | undefined;
  readonly eos: number | undefined;
  /** End of turn. */
  readonly eot: number | undefined;
  readonly sep: number | undefined;
  readonly nl: number | undefined;
  readonly pad: number | undefined;
  readonly mask: number | undefined;
  /** Tokens around the parts of a fill-in-the-middle prompt. */
  readonly fim: Readonly<
    Record<'prefix' | 'suffix' | 'middle' | 'pad' | 'repository' | 'separator', number | undefined>
  >;
  readonly addBos: boolean;
  readonly addEos: boolean;
  readonly addSep: boolean;
  private readonly c: CFunctions;
  private readonly lifetime: Lifetime;
  private specials: readonly SpecialToken[] | undefined;

  constructor(c: CFunctions, pointer: Pointer<'llama_vocab'>, lifetime: Lifetime) {
    this.c = c;
    this.pointer = pointer;
    this.lifetime = lifetime;
    const present = (id: number): number | undefined => (id < 0 ? undefined : id);
    this.size = c.llama_vocab_n_tokens(pointer);
    this.bos = present(c.llama_vocab_bos(pointer));
    this.eos = present(c.llama_vocab_eos(pointer));
    this.eot = present(c.llama_vocab_eot(pointer));
    this.sep = present(c.llama_vocab_sep(pointer));
    this.nl = present(c.llama_vocab_nl(pointer));
    this.pad = present(c.llama_vocab_pad(pointer));
    this.mask = present(c.llama_vocab_mask(pointer));
    this.fim = {
      prefix: present(c.llama_vocab_fim_pre(pointer)),
      suffix: present(c.llama_vocab_fim_suf(pointer)),
      middle: present(c.llama_vocab_fim_mid(pointer)),
      pad: present(c.llama_vocab_fim_pad(pointer)),
      repository: present(c.llama_vocab_fim_rep(pointer)),
      separator: present(c.llama_vocab_fim_sep(pointer)),
    };
    this.addBos = c.llama_vocab_get_add_bos(pointer);
    this.addEos = c.llama_vocab_get_add_eos(pointer);
    this.addSep = c.llama_vocab_get_add_sep(pointer);
  }

  /** Token ids of a text. Lone surrogates become U+FFFD. Throws `invalid_request` above 64 MiB of UTF-8, or for runs that native code cannot match. */
  tokenize(text: string, { addSpecial = false, parseSpecial = false }: TokenizeOptions = {}): Int32Array {
    this.lifetime.check();
    const bytes = Buffer.from(text, 'utf8');
    if (bytes.length > maxTextBytes) throw invalid(`the text has ${bytes.length} bytes, more than ${maxTextBytes}`);
    if (text.length > maxRun && longestRun(text) > maxRun) {
      throw invalid(`the text has more than ${maxRun} letters, digits, spaces or signs in a row`);
    }
    // A token stands for at least one byte, save for the special ones around the text.
    const tokens = new Int32Array(bytes.length + 8);
    const count = this.c.llama_tokenize(
      this.pointer,
      bytes,
      bytes.length,
      tokens,
      tokens.length,
      addSpecial,
      parseSpecial,
    );
    if (count >= 0) return tokens.slice(0, count);
    const exact = new Int32Array(-count);
    const again = this.c.llama_tokenize(
      this.pointer,
      bytes,
      bytes.length,
      exact,
      exact.length,
      addSpecial,
      parseSpecial,
    );
    return exact.subarray(0, Math.max(0, again));
  }

  /**
   * The bytes that a token stands for. They need not be whole characters. Control tokens have none unless
   * `renderSpecial` is set.
   */
  pieceBytes(token: number, renderSpecial = false): Uint8Array {
    this.checkToken(token);
    const bytes = new Uint8Array(64);
    const length = this.c.llama_token_to_piece(this.pointer, token, bytes, bytes.length, 0, renderSpecial);
    if (length >= 0) return bytes.slice(0, length);
    const longer = new Uint8Array(-length);
    const written = this.c.llama_token_to_piece(this.pointer, token, longer, longer.length, 0, renderSpecial);
    return longer.subarray(0, Math.max(0, written));
  }

  /** Text of tokens, the inverse of `tokenize`; bytes that are not UTF-8 become U+FFFD. */
  detokenize(tokens: Int32Array, { removeSpecial = false, renderSpecial = false } = {}): string {
    for (const token of tokens) this.checkToken(token);
    if (tokens.length === 0) return '';
    const write = (bytes: Uint8Array): number =>
      this.c.llama_detokenize(this.pointer, tokens, tokens.length, bytes, bytes.length, removeSpecial, renderSpecial);
    let bytes = new Uint8Array(tokens.length * 8);
    let length = write(bytes);
    if (length < 0) {
      bytes = new Uint8Array(-length);
      length = write(bytes);
    }
    return new TextDecoder().decode(bytes.subarray(0, Math.max(0, length)));
  }

  /** The token's text as the vocabulary stores it, which for byte-level vocabularies is an encoding of its bytes. */
  text(token: number): string {
    this.checkToken(token);
    return this.c.llama_vocab_get_text(this.pointer, token) ?? '';
  }

  /** True for tokens that end a generation: end of text, end of turn and their like. */
  isEog(token: number): boolean {
    this.checkToken(token);
    return this.c.llama_vocab_is_eog(this.pointer, token);
  }

  isControl(token: number): boolean {
    this.checkToken(token);
    return this.c.llama_vocab_is_control(this.pointer, token);
  }

  /** Every token that `parseSpecial` recognises in text: control, user-defined and unknown ones. */
  specialTokens(): readonly SpecialToken[] {
    this.lifetime.check();
    this.specials ??= Array.from({ length: this.size }, (_, id) => id)
      .filter((id) => (this.c.llama_vocab_get_attr(this.pointer, id) & specialAttributes) !== 0)
      .map((id) => ({ id, text: this.c.llama_vocab_get_text(this.pointer, id) ?? '' }));
    return this.specials;
  }

  private checkToken(token: number): void {
    this.lifetime.check();
    checkInteger('a token id', token, 0, this.size - 1);
  }
}
