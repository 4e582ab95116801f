import type { Tokenizer } from '../src/index.ts';

/** Cuts text into chunks of three characters, so that where a text begins shows in its tokens. Readable back. */
export class ChunkTokenizer implements Tokenizer {
  readonly addBos: boolean;
  readonly bosId: number | undefined;
  readonly eosId: number | undefined;
  readonly #texts: string[] = [];
  readonly #ids = new Map<string, number>();
  readonly #specials: Map<string, number>;

  constructor(specialTokens: readonly string[], { addBos = false, bos = '<s>', eos = '</s>' } = {}) {
    this.#specials = new Map(specialTokens.map((text) => [text, this.#texts.push(text) - 1]));
    this.addBos = addBos;
    this.bosId = this.#specials.get(bos);
    this.eosId = this.#specials.get(eos);
    this.around = { before: addBos && this.bosId !== undefined ? [this.bosId] : [], after: [] };
  }

  /** Of vocabularies that end sequences the test sets it. */
  around: Tokenizer['around'];

  encode(text: string): number[] {
    return (text.match(/[^]{1,3}/g) ?? []).map((chunk) => {
      let id = this.#ids.get(chunk);
      if (id === undefined) this.#ids.set(chunk, (id = this.#texts.push(chunk) - 1));
      return id;
    });
  }

  specialId(text: string): number | undefined {
    return this.#specials.get(text);
  }

  decode(tokens: Iterable<number>): string {
    return [...tokens].map((token) => this.#texts[token]).join('');
  }

  isSpecial(token: number): boolean {
    return token < this.#specials.size;
  }
}
