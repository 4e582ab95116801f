/** Characters of a piece: what ships was trained on sentences, and reads a piece of any script whole. */
const PIECE_CHARACTERS = 160;
/** Of the piece before, where a sentence has to be cut. */
const OVERLAP_CHARACTERS = 60;

/**
 * The sentences of a text, longer ones in pieces of at most 160 characters: cut at white space where the second half of a
 * piece has some, each beginning with the last words of the one before. A text without words has none.
 */
export function pieces(text: string): string[] {
  return text
    .split(/(?<=[.!?])\s+|[\r\n]+/)
    .filter((sentence) => sentence.trim() !== '')
    .flatMap(cut);
}

function cut(sentence: string): string[] {
  const parts: string[] = [];
  for (let from = 0; ;) {
    if (sentence.length - from <= PIECE_CHARACTERS) return [...parts, sentence.slice(from)];
    const end = from + breakIn(sentence.slice(from, from + PIECE_CHARACTERS));
    parts.push(sentence.slice(from, end));
    const again = end - OVERLAP_CHARACTERS;
    // Without white space the search gives -1.
    from = again + sentence.slice(again, end).search(/\s/) + 1;
  }
}

function breakIn(piece: string): number {
  const at = piece.search(/\s\S*$/);
  return at > PIECE_CHARACTERS / 2 ? at : piece.length;
}
