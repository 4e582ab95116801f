/**
 * GPT-2's printable stand-ins for bytes: printable Latin-1 characters stand for themselves, the other 68 bytes for
 * U+0100 onwards. GGUF's `gpt2` tokenizer model stores tokens and merges in this spelling.
 */
const printable = (byte: number) =>
  (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);

/** Character of each byte. */
export const byteCharacters: readonly string[] = (() => {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++));
})();

const bytesByCharacter = new Map(byteCharacters.map((character, byte) => [character, byte]));

/** The UTF-8 bytes of a text, each as its character. Lone surrogates become U+FFFD. */
export function toByteCharacters(text: string): string {
  let spelled = '';
  for (const byte of new TextEncoder().encode(text)) spelled += byteCharacters[byte];
  return spelled;
}

/** The bytes that a token's spelling stands for. */
export function fromByteCharacters(spelled: string): Uint8Array {
  return Uint8Array.from([...spelled], (character) => {
    const byte = bytesByCharacter.get(character);
    if (byte === undefined) throw new RangeError(`not a byte character: ${JSON.stringify(character)}`);
    return byte;
  });
}
