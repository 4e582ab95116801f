/**
 * Characters that a native tokenizer may match in one piece. Most split text by recursive regular expressions, and a match
 * that is too long overflows the stack and ends the process: between 32,768 and 65,536 characters with the stack that
 * `loadNative` sets, for the vocabularies of DeepSeek, Falcon, Aquila and GPT-NeoX.
 */
export const maxRun = 20_480;

/** The classes that pre-tokenizers repeat without bound; the last is DeepSeek's. */
const classes = [/[\p{L}\p{M}]+/gu, /\p{N}+/gu, /\s+/gu, /[^\s\p{L}\p{N}]+/gu, /[!-/:-~！-／：-～‘-‟\u3000-。]+/gu];

/** Length of the longest run of characters of one kind: letters, digits, spaces, signs. Linear in the text's length. */
export function longestRun(text: string): number {
  let longest = 0;
  for (const kind of classes) for (const [run] of text.matchAll(kind)) longest = Math.max(longest, run.length);
  return longest;
}
