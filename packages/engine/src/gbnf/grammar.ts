/** Context-free grammars over Unicode text, as llama.cpp's GBNF describes them. */
import type { CharSet } from './char-ranges.ts';

export type Expression =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'chars'; readonly set: CharSet }
  | { readonly kind: 'rule'; readonly name: string }
  | { readonly kind: 'sequence'; readonly items: readonly Expression[] }
  | { readonly kind: 'choice'; readonly options: readonly Expression[] }
  | { readonly kind: 'repeat'; readonly item: Expression; readonly min: number; readonly max: number };

/** Rules by name; `root` is the whole text. */
export type Grammar = ReadonlyMap<string, Expression>;

export const rootRule = 'root';

/** The empty text. */
export const empty: Expression = { kind: 'sequence', items: [] };

/** No text at all. */
export const never: Expression = { kind: 'choice', options: [] };

export function text(exact: string): Expression {
  return exact === '' ? empty : { kind: 'text', text: exact };
}

/** One character of a set. */
export function chars(set: CharSet): Expression {
  return set.length === 0 ? never : { kind: 'chars', set };
}

export function rule(name: string): Expression {
  return { kind: 'rule', name };
}

export function sequence(...parts: Expression[]): Expression {
  const items = parts.flatMap((part) => (part.kind === 'sequence' ? part.items : [part]));
  if (items.some(isNever)) return never;
  return items.length === 1 ? items[0]! : { kind: 'sequence', items };
}

export function choice(...parts: Expression[]): Expression {
  const options = parts.flatMap((part) => (part.kind === 'choice' ? part.options : [part]));
  return options.length === 1 ? options[0]! : { kind: 'choice', options };
}

export function repeat(item: Expression, min: number, max = Infinity): Expression {
  if (max < min) return never;
  if (max === 0 || isEmpty(item)) return empty;
  if (isNever(item)) return min === 0 ? empty : never;
  return min === 1 && max === 1 ? item : { kind: 'repeat', item, min, max };
}

export function optional(item: Expression): Expression {
  return repeat(item, 0, 1);
}

export function isNever(expression: Expression): boolean {
  return expression.kind === 'choice' && expression.options.length === 0;
}

export function isEmpty(expression: Expression): boolean {
  return expression.kind === 'sequence' && expression.items.length === 0;
}
