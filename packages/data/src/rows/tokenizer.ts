/** What data needs of a tokenizer. Token ids are those of the model's vocabulary. */
export interface Tokenizer {
  /**
   * Tokens of `text`, with nothing added before or after it. With `parseSpecial` false, text that looks like a control
   * token is tokenised as the characters it is made of. `after` is the token that it will follow, for vocabularies that
   * write a space before a text that begins a sequence or follows a control token, but not before one that goes on.
   */
  encode(
    text: string,
    options: { readonly parseSpecial: boolean; readonly after?: number | undefined },
  ): Int32Array | readonly number[];
  /** The control token with exactly this text. */
  specialId(text: string): number | undefined;
  readonly bosId?: number | undefined;
  readonly eosId?: number | undefined;
  /**
   * The control tokens that introduce what stands before a hole, after it, and in it; absent where the vocabulary lacks
   * them. Without `middle`, the suffix comes first and what is in the hole goes on from the prefix.
   */
  readonly fim?: { readonly prefix: number; readonly suffix: number; readonly middle?: number | undefined } | undefined;
  /** Whether the vocabulary wants every sequence to begin with `bosId`. */
  readonly addBos: boolean;
  /** Tokens that the vocabulary puts before and after a whole text. */
  readonly around: { readonly before: readonly number[]; readonly after: readonly number[] };
}
