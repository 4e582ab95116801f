/** Tokens at the end of a text that have to have occurred before. */
const matched = 3;

const mostDrafted = 8;

/**
 * Guesses how a text goes on by how it went on after its last tokens before: answers quote their prompts, and code and
 * lists repeat themselves. The model computes all guesses in one step and those are kept that it would have chosen itself,
 * so the text is the one it would have written without them.
 */
export class NgramDraft {
  /** How many tokens are worth a guess, by how many of the last ones were right. */
  #size = mostDrafted / 2;

  /** At most `most` tokens, none when the end of the text is new. */
  propose(tokens: readonly number[], most: number): readonly number[] {
    const length = Math.min(this.#size, most);
    if (length < 1) return [];
    const end = tokens.length - matched;
    for (let start = end - 1; start >= 0; start--) {
      let same = 0;
      while (same < matched && tokens[start + same] === tokens[end + same]) same++;
      if (same < matched) continue;
      const period = end - start;
      // Past the end of the text, it is taken to repeat itself.
      return Array.from({ length }, (_, at) => tokens[start + matched + (at % period)]!);
    }
    return [];
  }

  observe(proposed: number, right: number): void {
    if (proposed === 0) return;
    this.#size = right === proposed ? Math.min(mostDrafted, this.#size * 2) : Math.max(1, right);
  }
}
