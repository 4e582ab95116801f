/**
 * Reads a grammar in GBNF the way the native parser does, far enough to know its rules: which follow which, and which may
 * be empty. Repetitions are written out as rules of their own, since their number is what native code has to bear.
 */
import { invalid } from '../arguments.ts';

/** A character class, a token or a letter of a string; or the number of a rule. */
export type Element = typeof terminal | number;
export const terminal = -1;

/** The alternatives of each rule. */
export type Rules = { alternatives: Element[][][] };

/** Groups in groups; the native parser recurses. */
const maxNesting = 200;
/** The native parser's own bound of repetitions, beyond which it takes "at most" for "any number". */
const maxRepetitions = 2000;
/** Elements after repetitions are written out; grammars of large JSON schemas have tens of thousands. */
const maxElements = 400_000;
/** Native code recurses along rules. */
const maxRules = 20_000;
const maxTokenText = 256;

/** Throws `invalid_request` with the line of the first mistake. */
export function readGrammar(text: string): Rules {
  return new Reader(text).read();
}

class Reader {
  readonly #text: string;
  readonly #ids = new Map<string, number>();
  /** Rules by number; undefined while only referred to. */
  readonly #rules: (Element[][] | undefined)[] = [];
  #at = 0;
  #elements = 0;
  #nesting = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): Rules {
    this.#space(true);
    while (this.#at < this.#text.length) this.#rule();
    const root = this.#ids.get('root');
    if (root === undefined || this.#rules[root] === undefined) throw invalid('the grammar has no rule named root');
    for (const [name, id] of this.#ids) {
      if (this.#rules[id] === undefined) throw invalid(`the grammar has no rule named ${name.slice(0, 100)}`);
    }
    return { alternatives: this.#rules as Element[][][] };
  }

  #rule(): void {
    const name = this.#take(/[a-zA-Z0-9-]+/y) ?? this.#fail('expected the name of a rule');
    const id = this.#id(name);
    if (this.#rules[id] !== undefined) this.#fail(`a second rule named ${name.slice(0, 100)}`);
    this.#space(false);
    this.#expect(/::=/y, 'expected ::=');
    this.#space(true);
    this.#rules[id] = this.#alternatives(false);
    if (this.#at < this.#text.length) this.#expect(/\r\n?|\n/y, 'expected the end of the line');
    this.#space(true);
  }

  #alternatives(nested: boolean): Element[][] {
    const all = [this.#sequence(nested)];
    while (this.#take(/\|/y) !== undefined) {
      this.#space(true);
      all.push(this.#sequence(nested));
    }
    return all;
  }

  #sequence(nested: boolean): Element[] {
    const sequence: Element[] = [];
    /** Where the item that a repetition applies to begins. */
    let last = 0;
    for (;;) {
      const next = this.#text[this.#at];
      if (next !== undefined && '*+?{'.includes(next)) {
        this.#repeat(sequence, last, nested);
        continue;
      }
      const item = this.#item(next);
      if (item === undefined) return sequence;
      last = sequence.length;
      this.#count(item.length);
      for (const element of item) sequence.push(element);
      this.#space(nested);
    }
  }

  #item(next: string | undefined): Element[] | undefined {
    if (next === '"') {
      this.#at++;
      const letters: Element[] = [];
      while (this.#take(/"/y) === undefined) letters.push(this.#letter());
      return letters;
    }
    if (next === '[') {
      this.#take(/\[\^?/y);
      let empty = true;
      for (; this.#take(/\]/y) === undefined; empty = false) {
        this.#letter();
        this.#count(1);
        if (this.#take(/-(?!\])/y) !== undefined) this.#letter();
      }
      return empty ? [] : [terminal];
    }
    if (next === '(') return [this.#group()];
    if (next === '.') {
      this.#at++;
      return [terminal];
    }
    if (next === '<' || next === '!') {
      const token = this.#take(/!?<(?:\[\d{1,9}\]|[^>[\0][^>\0]*)>/y);
      if (token === undefined || token.length > maxTokenText) this.#fail('expected a token as <text> or <[number]>');
      return [terminal];
    }
    const name = this.#take(/[a-zA-Z0-9-]+/y);
    return name === undefined ? undefined : [this.#id(name)];
  }

  #group(): Element {
    if (++this.#nesting > maxNesting) this.#fail(`groups nested deeper than ${maxNesting}`);
    this.#at++;
    this.#space(true);
    const id = this.#add([]);
    this.#rules[id] = this.#alternatives(true);
    this.#expect(/\)/y, 'expected )');
    this.#nesting--;
    return id;
  }

  /** A letter of a string or class, maybe escaped. */
  #letter(): Element {
    const letter = this.#take(/\\(?:x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}|[trn\\"[\]-])|[^\\\0]/suy);
    if (letter === undefined) this.#fail('expected a character');
    return terminal;
  }

  /** x{a,b} is x a times and then, within one another, b - a times "x and the rest, or nothing". */
  #repeat(sequence: Element[], last: number, nested: boolean): void {
    const item = sequence.slice(last);
    if (item.length === 0) this.#fail('nothing to repeat');
    const [least, most] = this.#bounds(nested);
    if (least > maxRepetitions) this.#fail(`more than ${maxRepetitions} repetitions`);
    const optional = most === Infinity || most > maxRepetitions ? undefined : most - least;
    if (optional !== undefined && optional < 0) this.#fail('more repetitions at least than at most');
    this.#count(item.length * (least + (optional ?? 1)));
    sequence.length = last;
    for (let i = 0; i < least; i++) for (const element of item) sequence.push(element);
    if (optional === undefined) {
      const id = this.#add([]);
      this.#rules[id] = [[...item, id], []];
      sequence.push(id);
      return;
    }
    let rest: number | undefined;
    for (let i = 0; i < optional; i++) rest = this.#add([rest === undefined ? item : [...item, rest], []]);
    if (rest !== undefined) sequence.push(rest);
  }

  #bounds(nested: boolean): [number, number] {
    const sign = this.#take(/[*+?]/y);
    this.#space(nested);
    if (sign !== undefined) return sign === '*' ? [0, Infinity] : sign === '+' ? [1, Infinity] : [0, 1];
    this.#take(/\{/y);
    this.#space(nested);
    const number = () => {
      const digits = this.#take(/\d{1,9}/y);
      this.#space(nested);
      return digits === undefined ? undefined : Number(digits);
    };
    const least = number() ?? this.#fail('expected a number');
    let most = least;
    if (this.#take(/,/y) !== undefined) {
      this.#space(nested);
      most = number() ?? Infinity;
    }
    this.#expect(/\}/y, 'expected }');
    this.#space(nested);
    return [least, most];
  }

  #id(name: string): number {
    let id = this.#ids.get(name);
    if (id === undefined) {
      id = this.#rules.length;
      this.#ids.set(name, id);
      this.#rules.push(undefined);
      this.#countRules();
    }
    return id;
  }

  #add(alternatives: Element[][]): number {
    this.#rules.push(alternatives);
    this.#countRules();
    return this.#rules.length - 1;
  }

  #countRules(): void {
    if (this.#rules.length > maxRules) this.#fail(`more than ${maxRules} rules, repetitions included`);
  }

  #count(elements: number): void {
    this.#elements += elements;
    if (this.#elements > maxElements) this.#fail(`more than ${maxElements} elements, repetitions included`);
  }

  #space(lines: boolean): void {
    this.#take(lines ? /(?:[ \t\r\n]|#[^\r\n]*)+/y : /(?:[ \t]|#[^\r\n]*)+/y);
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #expect(pattern: RegExp, problem: string): void {
    if (this.#take(pattern) === undefined) this.#fail(problem);
  }

  #fail(problem: string): never {
    const line = this.#text.slice(0, this.#at).split('\n').length;
    throw invalid(`line ${line} of the grammar: ${problem}`);
  }
}
