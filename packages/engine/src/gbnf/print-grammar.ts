import { rootRule, type Expression, type Grammar } from './grammar.ts';

/** llama.cpp unrolls a repetition and refuses, or takes for endless, those of more than 2,000; longer ones are nested. */
const longestRepeat = 64;

/** GBNF text of a grammar. Its size, and what llama.cpp makes of it, grows with the root of a repetition's bounds. */
export function printGrammar(grammar: Grammar): string {
  const lines: string[] = [];
  for (const [name, expression] of grammar) new RulePrinter(name, lines).print(expression);
  return `${lines.sort((a, b) => Number(isRoot(b)) - Number(isRoot(a))).join('\n')}\n`;
}

const isRoot = (line: string): boolean => line.startsWith(`${rootRule} `);

/** Prints one rule and those that stand for its repeated parts. */
class RulePrinter {
  readonly #name: string;
  readonly #lines: string[];
  #parts = 0;

  constructor(name: string, lines: string[]) {
    this.#name = name;
    this.#lines = lines;
  }

  print(expression: Expression): void {
    this.#lines.push(`${this.#name} ::= ${this.#alternatives(expression)}`);
  }

  #alternatives(expression: Expression): string {
    if (expression.kind !== 'choice') return this.#sequence(expression);
    return expression.options.map((option) => this.#sequence(option)).join(' | ');
  }

  #sequence(expression: Expression): string {
    if (expression.kind !== 'sequence') return this.#term(expression);
    return expression.items.length === 0 ? '""' : expression.items.map((item) => this.#term(item)).join(' ');
  }

  #term(expression: Expression): string {
    switch (expression.kind) {
      case 'text':
        return `"${printText(expression.text)}"`;
      case 'chars':
        return `[${expression.set.map(printRange).join('')}]`;
      case 'rule':
        return expression.name;
      case 'repeat':
        return this.#repeat(this.#atom(expression.item), expression.min, expression.max);
      default:
        return `(${this.#alternatives(expression)})`;
    }
  }

  /** What a repetition may follow: it applies to one element, and llama.cpp counts the rules inside of brackets. */
  #atom(item: Expression): string {
    return item.kind === 'rule' || (item.kind === 'chars' && item.set.length === 1)
      ? this.#term(item)
      : this.#part(this.#alternatives(item));
  }

  #part(definition: string): string {
    const name = `${this.#name}-${++this.#parts}`;
    this.#lines.push(`${name} ::= ${definition}`);
    return name;
  }

  #repeat(atom: string, min: number, max: number): string {
    if (min === 0 && max === 1) return `${atom}?`;
    if (max === Infinity)
      return min === 0 ? `${atom}*` : min === 1 ? `${atom}+` : `${this.#exactly(atom, min)} ${atom}*`;
    if (max <= longestRepeat) return min === max ? `${atom}{${min}}` : `${atom}{${min},${max}}`;
    return [...(min > 0 ? [this.#exactly(atom, min)] : []), ...(max > min ? [this.#atMost(atom, max - min)] : [])].join(
      ' ',
    );
  }

  #exactly(atom: string, count: number): string {
    if (count <= longestRepeat) return `${atom}{${count}}`;
    const size = Math.ceil(Math.sqrt(count));
    const rest = count % size;
    const block = this.#part(this.#exactly(atom, size));
    return [this.#exactly(block, Math.floor(count / size)), ...(rest > 0 ? [`${atom}{${rest}}`] : [])].join(' ');
  }

  /** Whole blocks, but not the last, then less than a block; or all blocks, then the rest. */
  #atMost(atom: string, count: number): string {
    if (count <= longestRepeat) return `${atom}{0,${count}}`;
    const size = Math.ceil(Math.sqrt(count));
    const [blocks, rest] = [Math.floor(count / size), count % size];
    const block = this.#part(this.#exactly(atom, size));
    const few = this.#chain(block, blocks - 1);
    const all = `${this.#exactly(block, blocks)}${rest > 0 ? ` ${this.#chain(atom, rest)}` : ''}`;
    return `(${few} ${this.#chain(atom, size - 1)} | ${all})`;
  }

  #chain(atom: string, max: number): string {
    return `${atom}{0,${max}}`;
  }
}

function printRange([first, last]: readonly [number, number]): string {
  return first === last ? printChar(first) : `${printChar(first)}-${printChar(last)}`;
}

function printText(text: string): string {
  return Array.from(text, (char) => printChar(char.codePointAt(0)!)).join('');
}

function printChar(char: number): string {
  const text = String.fromCodePoint(char);
  if (/[\\"[\]-]/.test(text)) return `\\${text}`;
  if (char >= 0x20 && char < 0x7f && text !== '^') return text;
  const hex = char.toString(16).toUpperCase();
  if (char <= 0xff) return `\\x${hex.padStart(2, '0')}`;
  return char <= 0xffff ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}
