/**
 * What the runner cannot see in a grammar: places from which no text comes to an end. (What takes llama.cpp too much time or
 * memory is found where grammars are compiled.)
 */
import { choice, isNever, never, repeat, rootRule, sequence, type Expression, type Grammar } from './grammar.ts';

/** llama.cpp's elements of all rules, as far as they can be counted ahead; it copies them for each request. */
const maxElements = 200_000;

/** Expressions looked at in the search for dead ends, which goes over all rules until it finds no more. */
const maxLooks = 10_000_000;

/**
 * The part of a grammar that llama.cpp can use: branches that never end and rules that nothing needs are left out. Throws
 * what `refused` makes of the reason when nothing is left, or too much.
 */
export function checkGrammar(grammar: Grammar, refused: (reason: string) => Error): Grammar {
  const used = withoutUnused(grammar, refused);
  const finite = withoutDeadEnds(used, refused);
  if (finite === undefined) throw refused('no finite text obeys it');
  return requireSize(withoutUnused(finite, refused), refused);
}

function requireSize(used: Grammar, refused: (reason: string) => Error): Grammar {
  const elements = [...used.values()].reduce((sum, expression) => sum + elementsOf(expression), 0);
  if (elements > maxElements) throw refused(`it is larger than ${maxElements} elements`);
  return used;
}

/** The grammar without what leads to no finite text; undefined when nothing is left. */
function withoutDeadEnds(grammar: Grammar, refused: (reason: string) => Error): Grammar | undefined {
  const ends = new Set<string>();
  let looks = 0;
  const canEnd = (expression: Expression): boolean => {
    looks++;
    switch (expression.kind) {
      case 'rule':
        return ends.has(expression.name);
      case 'sequence':
        return expression.items.every(canEnd);
      case 'choice':
        return expression.options.some(canEnd);
      case 'repeat':
        return expression.min === 0 || canEnd(expression.item);
      case 'chars':
        return expression.set.length > 0;
      case 'text':
        return true;
    }
  };
  for (let before = -1; before < ends.size;) {
    before = ends.size;
    for (const [name, expression] of grammar) {
      if (!ends.has(name) && canEnd(expression)) ends.add(name);
      if (looks > maxLooks) throw refused('its rules refer to one another in too many ways');
    }
  }
  if (!ends.has(rootRule)) return undefined;
  const prune = (expression: Expression): Expression => {
    switch (expression.kind) {
      case 'rule':
        return ends.has(expression.name) ? expression : never;
      case 'chars':
        return expression.set.length > 0 ? expression : never;
      case 'sequence':
        return sequence(...expression.items.map(prune));
      case 'choice':
        return choice(...expression.options.map(prune).filter((option) => !isNever(option)));
      case 'repeat':
        return repeat(prune(expression.item), expression.min, expression.max);
      default:
        return expression;
    }
  };
  return new Map(
    [...grammar].filter(([name]) => ends.has(name)).map(([name, expression]) => [name, prune(expression)]),
  );
}

function withoutUnused(grammar: Grammar, refused: (reason: string) => Error): Grammar {
  const used = new Set<string>([rootRule]);
  for (const name of used) {
    const expression = grammar.get(name);
    if (!expression) throw refused(`rule ${name} is not defined`);
    for (const inner of rulesOf(expression)) used.add(inner);
  }
  return new Map([...grammar].filter(([name]) => used.has(name)));
}

function* rulesOf(expression: Expression): Generator<string> {
  if (expression.kind === 'rule') yield expression.name;
  if (expression.kind === 'sequence') for (const item of expression.items) yield* rulesOf(item);
  if (expression.kind === 'choice') for (const option of expression.options) yield* rulesOf(option);
  if (expression.kind === 'repeat') yield* rulesOf(expression.item);
}

function elementsOf(expression: Expression): number {
  switch (expression.kind) {
    case 'text':
      return expression.text.length;
    case 'chars':
      return expression.set.length * 2;
    case 'rule':
      return 1;
    case 'sequence':
      return 1 + expression.items.reduce((sum, item) => sum + elementsOf(item), 0);
    case 'choice':
      return 1 + expression.options.reduce((sum, option) => sum + 1 + elementsOf(option), 0);
    case 'repeat': {
      // Printed in blocks of blocks; see printGrammar.
      const { item, min, max } = expression;
      const unrolled = (count: number): number => (count <= 64 ? 4 * count : 16 * Math.ceil(Math.sqrt(count)));
      return 1 + elementsOf(item) + unrolled(min) + (max === Infinity ? 4 : unrolled(max - min));
    }
  }
}
