/** Regular expressions of JSON schemas (ECMAScript, with the u flag) as grammars. */
import {
  allChars,
  charSet,
  charsOf,
  complement,
  includes,
  union,
  type CharRange,
  type CharSet,
} from '../gbnf/char-ranges.ts';
import { chars, choice, empty, isNever, never, repeat, sequence, text, type Expression } from '../gbnf/grammar.ts';
import { Unenforceable } from './unenforceable.ts';

const maxLength = 4096;
const maxDepth = 32;

/** A longer repetition is longer than any context, or takes too many rules. */
const maxRepeat = 100_000;

const digits = charsOf('0123456789');
const word = union(
  digits,
  charSet([
    [0x41, 0x5a],
    [0x61, 0x7a],
    [0x5f, 0x5f],
  ]),
);
const space = union(
  charsOf('\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff'),
  charSet([[0x2000, 0x200a]]),
);
const classes: Record<string, CharSet> = {
  d: digits,
  w: word,
  s: space,
  D: complement(digits),
  W: complement(word),
  S: complement(space),
};
const dot = complement(charsOf('\n\r\u2028\u2029'));
const controls: Record<string, number> = { t: 9, n: 10, v: 11, f: 12, r: 13 };

/**
 * The texts that a pattern matches: anywhere in them, unless it is anchored. Throws `Unenforceable` for a pattern that is not
 * valid and for what no grammar has: assertions inside the pattern, references back, properties of Unicode.
 */
export function parsePattern(source: string): Expression {
  if (source.length > maxLength) throw new Unenforceable(`the pattern is longer than ${maxLength} characters`);
  return new PatternParser(source).parse();
}

class PatternParser {
  readonly #source: string;
  #at = 0;
  #depth = 0;

  constructor(source: string) {
    this.#source = source;
  }

  parse(): Expression {
    const options = this.#alternatives(true);
    if (this.#at < this.#source.length) throw new Unenforceable('the pattern has a bracket without its partner');
    return options;
  }

  #alternatives(outermost: boolean): Expression {
    const options: Expression[] = [];
    do options.push(outermost ? this.#anchored() : this.#sequence());
    while (this.#taken('|'));
    return choice(...options);
  }

  /** An alternative of the whole pattern; without an anchor, anything may stand before or after it. */
  #anchored(): Expression {
    const anything = repeat(chars(allChars), 0);
    const start = this.#taken('^') ? empty : anything;
    const inner = this.#sequence();
    const end = this.#taken('$') ? empty : anything;
    return sequence(start, inner, end);
  }

  #sequence(): Expression {
    const items: Expression[] = [];
    for (;;) {
      const item = this.#item();
      if (!item) return sequence(...items);
      items.push(this.#repeated(item));
    }
  }

  #repeated(item: Expression): Expression {
    const bounds = this.#bounds();
    if (!bounds) return item;
    // Whether it takes as much as possible or as little makes no difference to what matches.
    this.#taken('?');
    const [min, max] = bounds;
    if (min > maxRepeat || (max > maxRepeat && max < Infinity)) {
      throw new Unenforceable(`the pattern repeats something more than ${maxRepeat} times`);
    }
    return repeatNullable(item, min, max);
  }

  #bounds(): [min: number, max: number] | undefined {
    if (this.#taken('*')) return [0, Infinity];
    if (this.#taken('+')) return [1, Infinity];
    if (this.#taken('?')) return [0, 1];
    const braces = /^\{(\d{1,9})(,(\d{1,9})?)?\}/.exec(this.#source.slice(this.#at, this.#at + 22));
    if (!braces) return undefined;
    this.#at += braces[0].length;
    const min = Number(braces[1]);
    const max = braces[2] === undefined ? min : braces[3] === undefined ? Infinity : Number(braces[3]);
    if (max < min) throw new Unenforceable('the pattern has a repetition that ends before it begins');
    return [min, max];
  }

  #item(): Expression | undefined {
    const char = this.#peek();
    if (char === '' || char === '|' || char === ')') return undefined;
    if (char === '$') {
      const after = this.#source[this.#at + 1];
      if (this.#depth === 0 && (after === undefined || after === '|')) return undefined;
    }
    if (char === '^' || char === '$') throw new Unenforceable(`the pattern has ${char} in its middle`);
    this.#at += char.length;
    if (char === '(') return this.#group();
    if (char === '[') return this.#class();
    if (char === '.') return chars(dot);
    if (char === '\\') {
      const escaped = this.#escape(false);
      return typeof escaped === 'number' ? charOf(escaped) : chars(escaped);
    }
    if ('*+?{}]'.includes(char))
      throw new Unenforceable(`the pattern has ${char} where nothing can be repeated or closed`);
    return charOf(char.codePointAt(0)!);
  }

  #group(): Expression {
    if (++this.#depth > maxDepth) throw new Unenforceable(`the pattern is nested deeper than ${maxDepth} levels`);
    if (this.#taken('?') && !this.#taken(':')) {
      const name = /^<[A-Za-z_$][\w$]*>/.exec(this.#source.slice(this.#at));
      if (!name) throw new Unenforceable('the pattern looks ahead or behind, or changes its flags');
      this.#at += name[0].length;
    }
    const inner = this.#alternatives(false);
    if (!this.#taken(')')) throw new Unenforceable('the pattern has a bracket without its partner');
    this.#depth--;
    return inner;
  }

  #class(): Expression {
    const negated = this.#taken('^');
    const ranges: CharRange[] = [];
    while (!this.#taken(']')) {
      const first = this.#classItem();
      if (typeof first === 'number' && this.#peek() === '-' && this.#source[this.#at + 1] !== ']') {
        this.#at++;
        const last = this.#classItem();
        if (typeof last !== 'number' || last < first) throw new Unenforceable('the pattern has a range that is none');
        ranges.push([first, last]);
      } else if (typeof first === 'number') ranges.push([first, first]);
      else ranges.push(...first);
    }
    const set = charSet(ranges);
    return chars(negated ? complement(set) : set);
  }

  #classItem(): number | CharSet {
    const char = this.#peek();
    if (char === '') throw new Unenforceable('the pattern has a bracket without its partner');
    this.#at += char.length;
    return char === '\\' ? this.#escape(true) : char.codePointAt(0)!;
  }

  /** After a backslash. */
  #escape(inClass: boolean): number | CharSet {
    const char = this.#peek();
    this.#at += char.length;
    if (Object.hasOwn(classes, char)) return classes[char]!;
    if (Object.hasOwn(controls, char)) return controls[char]!;
    if (inClass && char === 'b') return 8;
    if (char === 'x' || char === 'u') return this.#hex(char);
    if (char === 'c' && /[a-zA-Z]/.test(this.#peek())) return this.#source.charCodeAt(this.#at++) % 32;
    if (char !== '' && '^$\\.*+?()[]{}|/-'.includes(char)) return char.codePointAt(0)!;
    const what = { b: 'word boundaries', B: 'word boundaries', p: 'properties of Unicode', P: 'properties of Unicode' };
    throw new Unenforceable(`the pattern has ${what[char as 'b'] ?? `the escape \\${char}`}`);
  }

  #hex(kind: string): number {
    const forms = kind === 'x' ? /^([0-9a-f]{2})/i : /^(?:([0-9a-f]{4})|\{([0-9a-f]{1,6})\})/i;
    const found = forms.exec(this.#source.slice(this.#at, this.#at + 8));
    if (!found) throw new Unenforceable(`the pattern has the escape \\${kind} without its digits`);
    this.#at += found[0].length;
    return Number.parseInt(found[1] ?? found[2]!, 16);
  }

  #peek(): string {
    const char = this.#source.codePointAt(this.#at);
    return char === undefined ? '' : String.fromCodePoint(char);
  }

  #taken(expected: string): boolean {
    if (!this.#source.startsWith(expected, this.#at)) return false;
    this.#at += expected.length;
    return true;
  }
}

function charOf(char: number): Expression {
  if (!includes(allChars, char)) throw new Unenforceable('the pattern has a character that no text has');
  return text(String.fromCodePoint(char));
}

/** llama.cpp cannot repeat what may be empty, so that is repeated as something that is not empty, or left out. */
function repeatNullable(item: Expression, min: number, max: number): Expression {
  return isNullable(item) && max > 1 ? repeat(nonEmpty(item), 0, max) : repeat(item, min, max);
}

/** Expressions of patterns have no rules. */
function isNullable(expression: Expression): boolean {
  switch (expression.kind) {
    case 'sequence':
      return expression.items.every(isNullable);
    case 'choice':
      return expression.options.some(isNullable);
    case 'repeat':
      return expression.min === 0 || isNullable(expression.item);
    default:
      return false;
  }
}

/** The same texts but the empty one. */
function nonEmpty(expression: Expression): Expression {
  if (!isNullable(expression)) return expression;
  switch (expression.kind) {
    case 'sequence': {
      // The first item that is not empty, then the rest as it is.
      const options = expression.items.map((item, index) =>
        sequence(nonEmpty(item), ...expression.items.slice(index + 1)),
      );
      return choice(...options.filter((option) => !isNever(option)));
    }
    case 'choice':
      return choice(...expression.options.map(nonEmpty).filter((option) => !isNever(option)));
    case 'repeat':
      return repeat(nonEmpty(expression.item), 1, expression.max);
    default:
      return never;
  }
}

/** Fewest and most characters of an expression without rules. */
export function lengthsOf(expression: Expression): [min: number, max: number] {
  switch (expression.kind) {
    case 'text': {
      const { length } = Array.from(expression.text);
      return [length, length];
    }
    case 'sequence':
      return expression.items.map(lengthsOf).reduce(([min, max], each) => [min + each[0], max + each[1]], [0, 0]);
    case 'choice': {
      const lengths = expression.options.map(lengthsOf);
      return [Math.min(...lengths.map(([min]) => min)), Math.max(...lengths.map(([, max]) => max))];
    }
    case 'repeat': {
      const [min, max] = lengthsOf(expression.item);
      return [min * expression.min, max === 0 ? 0 : max * expression.max];
    }
    default:
      return [1, 1];
  }
}
