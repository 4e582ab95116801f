/** Strings and numbers of schemas. */
import { matches } from '../gbnf/match.ts';
import { never, repeat, rule, sequence, text, type Expression } from '../gbnf/grammar.ts';
import { jsonString, literal } from './json-text.ts';
import { integerRange, numberRange, type NumberBounds } from './number-range.ts';
import { lengthsOf, parsePattern } from './pattern.ts';
import { at, refuse, type Branch, type SchemaNode } from './schema-node.ts';
import { formatPattern, knownFormats } from './string-formats.ts';

/** Steps of following values through a pattern, all values of a schema together. */
const maxLooks = 500_000;

/** Counts up to this are enforced. */
export const maxCount = 1 << 20;

/** No text gets this long, so that an upper bound of it always holds. */
const unreachable = 1 << 30;

/** The tightest of a keyword's values, and which schema says so. */
export function tightest(
  branch: Branch,
  keyword: string,
  pick: (a: number, b: number) => number,
): { value: number; node: SchemaNode } | undefined {
  const found = branch.flatMap((node) => {
    const value = (node.schema as Record<string, unknown>)[keyword];
    return value === undefined ? [] : [{ value: value as number, node }];
  });
  return found.length === 0 ? undefined : found.reduce((a, b) => (pick(a.value, b.value) === a.value ? a : b));
}

/** Fewest and most of something. Throws `unsupported_schema` for what is too large to be counted. */
export function countsOf(branch: Branch, minKeyword: string, maxKeyword: string): [min: number, max: number] {
  const min = tightest(branch, minKeyword, Math.max);
  const max = tightest(branch, maxKeyword, Math.min);
  if (min && min.value > maxCount) refuse(min.node, minKeyword, `numbers up to ${maxCount} can be enforced`);
  if (max && max.value > maxCount && max.value < unreachable) {
    refuse(max.node, maxKeyword, `numbers up to ${maxCount} can be enforced`);
  }
  return [min?.value ?? 0, max === undefined || max.value >= unreachable ? Infinity : max.value];
}

/** How strings are written: any one, one of so many characters, one whose content is a text of an expression, a given one. */
export type StringWriter = {
  free: Expression;
  bounded: (min: number, max: number) => Expression;
  content: (expression: Expression) => Expression;
  exact: (value: string) => Expression;
};

export const jsonStrings: StringWriter = {
  free: rule('string'),
  bounded: (min, max) => sequence(text('"'), repeat(rule('char'), min, max), text('"')),
  content: jsonString,
  exact: literal,
};

export function stringOf(branch: Branch, strings: StringWriter): Expression {
  const [min, max] = countsOf(branch, 'minLength', 'maxLength');
  const content = contentOf(branch);
  if (!content) return min === 0 && max === Infinity ? strings.free : strings.bounded(min, max);
  const { expression, node, keyword } = content;
  const [shortest, longest] = lengthsOf(expression);
  if (shortest > max || longest < min) return never;
  if (shortest < min || longest > max) {
    refuse(node, keyword, 'it cannot be enforced together with minLength or maxLength; say the length in a pattern');
  }
  return strings.content(expression);
}

/** Says of strings whether the keywords about strings allow them. */
export function stringTest(branch: Branch): (value: string) => boolean {
  const [min, max] = countsOf(branch, 'minLength', 'maxLength');
  const content = contentOf(branch);
  let looks = maxLooks;
  return (value) => {
    const { length } = Array.from(value);
    if (length < min || length > max) return false;
    if (!content) return true;
    const { node, keyword, expression } = content;
    const result = matches(expression, value, looks);
    if (result === undefined)
      refuse(node, keyword, 'it takes too long to check the values of enum or const against it');
    looks -= result.looks;
    return result.matched;
  };
}

/** What `pattern` and `format` say. */
function contentOf(branch: Branch): { expression: Expression; node: SchemaNode; keyword: string } | undefined {
  const found = new Map<string, { node: SchemaNode; keyword: string }>();
  for (const node of branch) {
    const { pattern, format } = node.schema as { pattern?: string; format?: string };
    if (format !== undefined) {
      const source = formatPattern(format);
      if (source === undefined) refuse(node, 'format', `formats that can be enforced: ${knownFormats.join(', ')}`);
      found.set(source, { node, keyword: 'format' });
    }
    if (pattern !== undefined) found.set(pattern, { node, keyword: 'pattern' });
  }
  const [first, second] = [...found];
  if (second)
    refuse(second[1].node, second[1].keyword, 'two patterns, or a format and a pattern, cannot be enforced together');
  if (!first) return undefined;
  const [source, { node, keyword }] = first;
  return { expression: at(node, keyword, () => parsePattern(source)), node, keyword };
}

export function numberOf(branch: Branch, kind: 'number' | 'integer'): Expression {
  const whole = kind === 'integer' || isWhole(branch);
  const bounds = boundsOf(branch);
  if (Object.keys(bounds).length === 0) return rule(whole ? 'integer' : 'number');
  return whole ? integerRange(bounds) : numberRange(bounds);
}

/** Whether the keywords about numbers allow a number. */
export function numberAllows(branch: Branch, value: number): boolean {
  const { minimum = -Infinity, maximum = Infinity, exclusiveMinimum, exclusiveMaximum } = boundsOf(branch);
  if (isWhole(branch) && !Number.isInteger(value)) return false;
  if (exclusiveMinimum !== undefined && value <= exclusiveMinimum) return false;
  if (exclusiveMaximum !== undefined && value >= exclusiveMaximum) return false;
  return value >= minimum && value <= maximum;
}

function boundsOf(branch: Branch): NumberBounds {
  const bounds: NumberBounds = {};
  const set = (keyword: keyof NumberBounds, pick: (a: number, b: number) => number) => {
    const found = tightest(branch, keyword, pick);
    if (found) bounds[keyword] = found.value;
  };
  set('minimum', Math.max);
  set('exclusiveMinimum', Math.max);
  set('maximum', Math.min);
  set('exclusiveMaximum', Math.min);
  return bounds;
}

/** Multiples of 1 are whole numbers; others cannot be told from their digits. */
function isWhole(branch: Branch): boolean {
  const multiples = branch.filter((node) => (node.schema as Record<string, unknown>)['multipleOf'] !== undefined);
  for (const node of multiples) {
    if ((node.schema as Record<string, unknown>)['multipleOf'] !== 1) {
      refuse(node, 'multipleOf', 'only 1, for whole numbers, can be enforced');
    }
  }
  return multiples.length > 0;
}
