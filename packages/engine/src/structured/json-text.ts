/** JSON values in general, and how characters are written inside of JSON strings. */
import { charSet, charsOf, complement, includes, intersect, subtract, type CharSet } from '../gbnf/char-ranges.ts';
import { chars, choice, empty, optional, repeat, rule, sequence, text, type Expression } from '../gbnf/grammar.ts';

const controls = charSet([[1, 0x1f]]);
/** Characters that stand for themselves. */
const plain = subtract(complement(controls), charsOf('"\\'));
const shortEscapes: readonly (readonly [char: string, letter: string])[] = [
  ['"', '"'],
  ['\\', '\\'],
  ['\b', 'b'],
  ['\f', 'f'],
  ['\n', 'n'],
  ['\r', 'r'],
  ['\t', 't'],
];

/** Longest indentation. A model that likes spaces too much has to go on after it. */
const maxIndent = 16;

const hex = charsOf('0123456789abcdefABCDEF');
const digit = charsOf('0123456789');

/** Digits of a number that doubles hold exactly. */
export const exactDigits = 15;

const fraction = sequence(text('.'), repeat(chars(digit), 1, exactDigits));
const wholeNumber = choice(text('0'), sequence(chars(charsOf('123456789')), repeat(chars(digit), 0, exactDigits - 1)));
const exponent = sequence(chars(charsOf('eE')), optional(chars(charsOf('+-'))), repeat(chars(digit), 1, 2));

/** The rules that grammars of JSON share. Spaces are bounded, so that nothing but a value can go on for ever. */
export const jsonRules: Readonly<Record<string, Expression>> = {
  space: optional(choice(text(' '), sequence(text('\n'), repeat(chars(charsOf(' \t')), 0, maxIndent)))),
  value: choice(...['object', 'array', 'string', 'number', 'boolean', 'null'].map(rule)),
  object: object(sequence(rule('string'), text(':'), rule('space'), rule('value'))),
  array: list('[', rule('value'), ']'),
  string: sequence(text('"'), repeat(rule('char'), 0), text('"')),
  char: choice(
    chars(plain),
    sequence(text('\\'), choice(chars(charsOf('"\\/bfnrt')), sequence(text('u'), rule('code-unit')))),
  ),
  // Four hexadecimal digits that are neither zero nor half of a character, or two halves.
  'code-unit': choice(
    sequence(chars(charsOf('123456789abcefABCEF')), repeat(chars(hex), 3, 3)),
    sequence(chars(charsOf('dD')), chars(charsOf('01234567')), repeat(chars(hex), 2, 2)),
    sequence(text('0'), nonZero(3)),
    sequence(
      chars(charsOf('dD')),
      chars(charsOf('89abAB')),
      repeat(chars(hex), 2, 2),
      text('\\u'),
      chars(charsOf('dD')),
      chars(charsOf('cdefCDEF')),
      repeat(chars(hex), 2, 2),
    ),
  ),
  number: sequence(optional(text('-')), wholeNumber, optional(fraction), optional(exponent)),
  integer: sequence(optional(text('-')), wholeNumber),
  boolean: choice(text('true'), text('false')),
  null: text('null'),
};

/** Hexadecimal digits that are not all zero. */
function nonZero(count: number): Expression {
  const first = sequence(chars(subtract(hex, charsOf('0'))), repeat(chars(hex), count - 1, count - 1));
  return count === 1 ? first : choice(first, sequence(text('0'), nonZero(count - 1)));
}

/** An object of members like this one. */
function object(member: Expression): Expression {
  return list('{', member, '}');
}

function list(open: string, item: Expression, close: string): Expression {
  const more = repeat(sequence(text(','), rule('space'), item), 0);
  return sequence(text(open), rule('space'), optional(sequence(item, more, rule('space'))), text(close));
}

/** The JSON text of a value. */
export function literal(value: unknown): Expression {
  return text(JSON.stringify(value));
}

/** A JSON string whose content is one of the texts of an expression without rules. */
export function jsonString(content: Expression): Expression {
  return sequence(text('"'), escaped(content), text('"'));
}

function escaped(expression: Expression): Expression {
  switch (expression.kind) {
    case 'text':
      return text(JSON.stringify(expression.text).slice(1, -1));
    case 'chars':
      return escapedChars(expression.set);
    case 'sequence':
      return sequence(...expression.items.map(escaped));
    case 'choice':
      return choice(...expression.options.map(escaped));
    case 'repeat':
      return repeat(escaped(expression.item), expression.min, expression.max);
    case 'rule':
      return expression;
  }
}

function escapedChars(set: CharSet): Expression {
  const short = shortEscapes.filter(([char]) => includes(set, char.codePointAt(0)!));
  const long = subtract(intersect(set, controls), charsOf(short.map(([char]) => char).join('')));
  const lastDigits = (from: number): CharSet =>
    charsOf([...'0123456789abcdef'].filter((_, index) => includes(long, from + index)).join(''));
  return choice(
    chars(intersect(set, plain)),
    sequence(text('\\'), chars(charsOf(short.map(([, letter]) => letter).join('')))),
    sequence(text('\\u000'), chars(lastDigits(0))),
    sequence(text('\\u001'), chars(lastDigits(0x10))),
  );
}

/** A JSON string that is none of `names` and written without escapes, so that it cannot stand for one of them either. */
export function otherKey(names: readonly string[], maxLength: number): Expression {
  const suffixes = names.filter((name) => Array.from(name).every((char) => includes(plain, char.codePointAt(0)!)));
  return sequence(
    text('"'),
    unlike(
      suffixes.map((name) => Array.from(name)),
      maxLength,
    ),
    text('"'),
  );
}

function unlike(names: readonly (readonly string[])[], maxLength: number): Expression {
  if (names.length === 0) return repeat(chars(plain), 0, maxLength);
  const rests = Map.groupBy(
    names.filter((name) => name.length > 0),
    (name) => name[0]!,
  );
  const options = [...rests].map(([first, group]) =>
    sequence(
      text(first),
      unlike(
        group.map((name) => name.slice(1)),
        maxLength,
      ),
    ),
  );
  const elsewhere = subtract(plain, charsOf([...rests.keys()].join('')));
  options.push(sequence(chars(elsewhere), repeat(chars(plain), 0, maxLength)));
  if (!names.some((name) => name.length === 0)) options.push(empty);
  return choice(...options);
}
