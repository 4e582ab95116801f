/** Token types as GGUF stores them; SentencePiece's own numbers are the same. */
export const tokenTypes = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;
