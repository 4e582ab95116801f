import type { Expression, Grammar } from '../../src/gbnf/grammar.ts';

/** A random text that obeys a grammar; `random` gives numbers from 0 up to 1. Deep recursion takes the first way out. */
export function randomText(grammar: Grammar, random: () => number): string {
  const shortest = shortestOf(grammar);
  const integer = (below: number): number => Math.floor(random() * below);
  const write = (expression: Expression, depth: number): string => {
    switch (expression.kind) {
      case 'text':
        return expression.text;
      case 'rule':
        return write(grammar.get(expression.name)!, depth + 1);
      case 'sequence':
        return expression.items.map((item) => write(item, depth)).join('');
      case 'chars': {
        const [first, last] = expression.set[integer(expression.set.length)]!;
        return String.fromCodePoint(first + integer(Math.min(last - first + 1, random() < 0.9 ? 100 : 0x10ffff)));
      }
      case 'repeat': {
        const { item, min, max } = expression;
        const count = min + (depth > 40 ? 0 : integer(Math.min(max - min, random() < 0.9 ? 3 : 40) + 1));
        return Array.from({ length: count }, () => write(item, depth)).join('');
      }
      case 'choice': {
        const { options } = expression;
        const option =
          depth > 40 ? options.toSorted((a, b) => shortest(a) - shortest(b))[0]! : options[integer(options.length)]!;
        return write(option, depth);
      }
    }
  };
  return write({ kind: 'rule', name: 'root' }, 0);
}

/** How many rules deep the shallowest text of an expression is. */
function shortestOf(grammar: Grammar): (expression: Expression) => number {
  const depths = new Map<string, number>();
  const depth = (expression: Expression): number => {
    switch (expression.kind) {
      case 'rule':
        return 1 + (depths.get(expression.name) ?? Infinity);
      case 'sequence':
        return Math.max(0, ...expression.items.map(depth));
      case 'choice':
        return Math.min(...expression.options.map(depth));
      case 'repeat':
        return expression.min === 0 ? 0 : depth(expression.item);
      default:
        return 0;
    }
  };
  for (let changed = true; changed;) {
    changed = false;
    for (const [name, expression] of grammar) {
      const found = depth(expression);
      if (found < (depths.get(name) ?? Infinity)) {
        depths.set(name, found);
        changed = true;
      }
    }
  }
  return depth;
}
