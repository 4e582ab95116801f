/** Reads GBNF. Facts about the format: grammars/README.md of llama.cpp. */
import { AtelierError } from '@atelier/errors';
import { chars, choice, repeat, rootRule, rule, sequence, text, type Expression, type Grammar } from './grammar.ts';
import { allChars, charSet, complement, includes, type CharRange } from './char-ranges.ts';

/** Brackets within brackets; this parser and llama.cpp's recurse. */
const maxDepth = 64;

/** Longest repetition; more than any text needs, and what a number may be is checked before it is counted with. */
const maxRepeat = 1 << 20;

/**
 * Rules of a grammar in GBNF text. Throws `invalid_request` that says where. Tokens in angle brackets are refused: a text is
 * described by its characters, so that no grammar can ask for a control token.
 */
export function parseGrammar(source: string): Grammar {
  return new GrammarParser(source).parse();
}

class GrammarParser {
  readonly #source: string;
  #at = 0;
  #depth = 0;

  constructor(source: string) {
    this.#source = source;
  }

  parse(): Grammar {
    const rules = new Map<string, Expression>();
    this.#space(true);
    while (this.#at < this.#source.length) {
      const name = this.#name();
      this.#space(false);
      if (!this.#taken('::=')) this.#fail('::= expected');
      this.#space(true);
      if (rules.has(name)) this.#fail(`rule ${name} is defined twice`);
      rules.set(name, this.#alternatives(false));
      if (this.#at < this.#source.length && !/[\r\n]/.test(this.#next)) this.#fail('a new line expected');
      this.#space(true);
    }
    if (!rules.has(rootRule)) this.#fail(`there is no rule named ${rootRule}`);
    return rules;
  }

  get #next(): string {
    return this.#source[this.#at] ?? '';
  }

  #alternatives(nested: boolean): Expression {
    const options = [this.#sequence(nested)];
    while (this.#taken('|')) {
      this.#space(true);
      options.push(this.#sequence(nested));
    }
    return choice(...options);
  }

  #sequence(nested: boolean): Expression {
    const items: Expression[] = [];
    for (;;) {
      const item = this.#item();
      if (!item) return sequence(...items);
      this.#space(nested);
      items.push(this.#repeated(item, nested));
    }
  }

  #repeated(item: Expression, nested: boolean): Expression {
    let repeated = item;
    for (;;) {
      const bounds = this.#bounds(nested);
      if (!bounds) return repeated;
      repeated = repeat(repeated, ...bounds);
      this.#space(nested);
    }
  }

  #bounds(nested: boolean): [min: number, max: number] | undefined {
    if (this.#taken('*')) return [0, Infinity];
    if (this.#taken('+')) return [1, Infinity];
    if (this.#taken('?')) return [0, 1];
    if (!this.#taken('{')) return undefined;
    this.#space(nested);
    const min = this.#integer();
    this.#space(nested);
    let max = min;
    if (this.#taken(',')) {
      this.#space(nested);
      max = /\d/.test(this.#next) ? this.#integer() : Infinity;
      this.#space(nested);
    }
    if (!this.#taken('}')) this.#fail('} expected');
    if (max < min) this.#fail('the repetition ends before it begins');
    return [min, max];
  }

  #item(): Expression | undefined {
    const next = this.#next;
    if (next === '"') return this.#literal();
    if (next === '[') return this.#set();
    if (next === '(') return this.#group();
    if (next === '<' || next === '!') this.#fail('tokens are not supported, write the characters');
    if (this.#taken('.')) return chars(allChars);
    return /[a-zA-Z0-9-]/.test(next) ? rule(this.#name()) : undefined;
  }

  #group(): Expression {
    if (++this.#depth > maxDepth) this.#fail(`brackets nested deeper than ${maxDepth} levels`);
    this.#at++;
    this.#space(true);
    const inner = this.#alternatives(true);
    if (!this.#taken(')')) this.#fail(') expected');
    this.#depth--;
    return inner;
  }

  #literal(): Expression {
    this.#at++;
    let literal = '';
    while (!this.#taken('"')) literal += String.fromCodePoint(this.#char());
    return text(literal);
  }

  #set(): Expression {
    this.#at++;
    const negated = this.#taken('^');
    const ranges: CharRange[] = [];
    while (!this.#taken(']')) {
      const first = this.#char();
      const range = this.#next === '-' && this.#source[this.#at + 1] !== ']';
      if (range) this.#at++;
      ranges.push([first, range ? this.#char() : first]);
    }
    const set = charSet(ranges);
    return chars(negated ? complement(set) : set);
  }

  #char(): number {
    const char = this.#source.codePointAt(this.#at);
    if (char === undefined) this.#fail('it ends too early');
    if (char !== 0x5c) {
      this.#at += char > 0xffff ? 2 : 1;
      return this.#known(char);
    }
    const escape = this.#source[this.#at + 1] ?? '';
    this.#at += 2;
    const digits = { x: 2, u: 4, U: 8 }[escape];
    if (digits) {
      const hex = this.#source.slice(this.#at, this.#at + digits);
      if (!/^[0-9a-fA-F]+$/.test(hex) || hex.length < digits) this.#fail(`${digits} hexadecimal digits expected`);
      this.#at += digits;
      return this.#known(Number.parseInt(hex, 16));
    }
    const plain =
      { t: '\t', r: '\r', n: '\n' }[escape] ?? ('\\"[]-'.includes(escape) && escape !== '' ? escape : undefined);
    if (plain === undefined) this.#fail('unknown escape');
    return plain.codePointAt(0)!;
  }

  #known(char: number): number {
    return includes(allChars, char) ? char : this.#fail('a character that no text has');
  }

  #integer(): number {
    const digits = /^\d{1,9}(?!\d)/.exec(this.#source.slice(this.#at, this.#at + 10))?.[0];
    if (digits === undefined || Number(digits) > maxRepeat) this.#fail(`a number up to ${maxRepeat} expected`);
    this.#at += digits.length;
    return Number(digits);
  }

  #name(): string {
    const start = this.#at;
    while (/[a-zA-Z0-9-]/.test(this.#next)) this.#at++;
    if (this.#at === start) this.#fail('the name of a rule expected');
    return this.#source.slice(start, this.#at);
  }

  #space(newLines: boolean): void {
    const space = newLines ? /(?:[ \t\r\n]|#[^\r\n]*)*/y : /(?:[ \t]|#[^\r\n]*)*/y;
    space.lastIndex = this.#at;
    this.#at += space.exec(this.#source)![0].length;
  }

  #taken(expected: string): boolean {
    if (!this.#source.startsWith(expected, this.#at)) return false;
    this.#at += expected.length;
    return true;
  }

  #fail(reason: string): never {
    const before = this.#source.slice(0, this.#at).split('\n');
    const place = `line ${before.length}, column ${before.at(-1)!.length + 1}`;
    throw new AtelierError('invalid_request', { reason: `grammar: ${reason} (${place})` });
  }
}
