/**
 * What a grammar must be before native code sees it: llama.cpp aborts where no token can follow, and takes time and memory
 * that double with each level of a badly nested grammar.
 */
import { choice, isNever, never, repeat, rootRule, sequence, type Expression, type Grammar } from './grammar.ts';

/** llama.cpp's elements of all rules, as far as they can be counted ahead; it copies them for each request. */
const maxElements = 200_000;

/** Places in a grammar that wait for the first character of a rule; llama.cpp keeps a stack for each. */
const maxStarts = 4_000;

/** Rules that begin with one another; llama.cpp recurses. */
const maxNesting = 1_000;

/**
 * The part of a grammar that llama.cpp can use: branches that never end and rules that nothing needs are left out. Throws
 * what `refused` makes of the reason when nothing is left, or too much.
 */
export function checkGrammar(grammar: Grammar, refused: (reason: string) => Error): Grammar {
  const used = withoutUnused(grammar, refused);
  const finite = withoutDeadEnds(used);
  if (finite === undefined) throw refused('no finite text obeys it');
  return requireBounds(withoutUnused(finite, refused), refused);
}

function requireBounds(used: Grammar, refused: (reason: string) => Error): Grammar {
  const elements = [...used.values()].reduce((sum, expression) => sum + elementsOf(expression), 0);
  if (elements > maxElements) throw refused(`it is larger than ${maxElements} elements`);
  requireBoundedStarts(used, refused);
  return used;
}

/** The grammar without what leads to no finite text; undefined when nothing is left. */
function withoutDeadEnds(grammar: Grammar): Grammar | undefined {
  const ends = new Set<string>();
  const canEnd = (expression: Expression): boolean => {
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
    for (const [name, expression] of grammar) if (!ends.has(name) && canEnd(expression)) ends.add(name);
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

type Start = {
  /** Whether the empty text is among its texts. */ nullable: boolean;
  /** Places that its texts begin at. */ places: number;
};

function requireBoundedStarts(grammar: Grammar, refused: (reason: string) => Error): void {
  const known = new Map<string, Start>();
  const open = new Set<string>();
  /** What begins no rule, but follows something in one. */
  const later: Expression[] = [];
  const startOfRule = (name: string): Start => {
    const start = known.get(name);
    if (start) return start;
    if (open.has(name)) throw refused(`rule ${name} begins with itself`);
    if (open.size >= maxNesting) throw refused(`more than ${maxNesting} rules begin with one another`);
    open.add(name);
    const found = startOf(grammar.get(name)!);
    open.delete(name);
    known.set(name, found);
    return found;
  };
  const bounded = (nullable: boolean, places: number): Start => {
    if (places > maxStarts) throw refused(`more than ${maxStarts} of its alternatives begin at the same place`);
    return { nullable, places };
  };
  const startOf = (expression: Expression): Start => {
    switch (expression.kind) {
      case 'text':
      case 'chars':
        return { nullable: false, places: 1 };
      case 'rule': {
        const { nullable, places } = startOfRule(expression.name);
        return bounded(nullable, places + 1);
      }
      case 'sequence': {
        let places = 1;
        let nullable = true;
        for (const item of expression.items) {
          if (!nullable) {
            later.push(item);
            continue;
          }
          const start = startOf(item);
          places += start.places;
          nullable = start.nullable;
        }
        return bounded(nullable, places);
      }
      case 'choice': {
        const starts = expression.options.map(startOf);
        const places = starts.reduce((sum, start) => sum + start.places, 1);
        return bounded(
          starts.some(({ nullable }) => nullable),
          places,
        );
      }
      case 'repeat': {
        const { nullable, places } = startOf(expression.item);
        if (nullable && expression.max > 1) throw refused('it repeats something that may be empty');
        return bounded(nullable || expression.min === 0, places + 2);
      }
    }
  };
  for (const name of grammar.keys()) startOfRule(name);
  for (const expression of later) startOf(expression);
}
