import { includes } from './char-ranges.ts';
import { empty, rootRule, rule, type Expression, type Grammar } from './grammar.ts';

/** What is still to come: an expression, then the rest. */
type State = { readonly expression: Expression; readonly rest: State | null; readonly id: number };

/**
 * Follows a text through a grammar without left recursion, as llama.cpp does. For texts and grammars of a trusted size: it
 * keeps every state it has seen.
 */
export class Matcher {
  readonly #grammar: Grammar;
  readonly #states = new Map<Expression, Map<number, State>>();
  #count = 0;
  #current: (State | null)[];
  /** States looked at so far. */
  looks = 0;

  constructor(grammar: Grammar) {
    this.#grammar = grammar;
    this.#current = this.#expand([this.#state(rule(rootRule), null)]);
  }

  /** Whether the text so far is the whole of one in the language. */
  get complete(): boolean {
    return this.#current.includes(null);
  }

  /** Whether the text so far begins one in the language. */
  get viable(): boolean {
    return this.#current.length > 0;
  }

  push(text: string): void {
    for (const char of text) this.#current = this.#expand(this.#current.flatMap((state) => this.#take(state, char)));
  }

  #take(state: State | null, char: string): (State | null)[] {
    if (state === null) return [];
    const { expression, rest } = state;
    if (expression.kind === 'chars') return includes(expression.set, char.codePointAt(0)!) ? [rest] : [];
    if (expression.kind !== 'text' || !expression.text.startsWith(char)) return [];
    const remaining = expression.text.slice(char.length);
    return [remaining === '' ? rest : this.#state({ kind: 'text', text: remaining }, rest)];
  }

  /** The states that wait for a character, and null where nothing needs to follow. */
  #expand(states: (State | null)[]): (State | null)[] {
    const todo = [...states];
    const seen = new Set<State | null>();
    const waiting: (State | null)[] = [];
    while (todo.length > 0) {
      this.looks++;
      const state = todo.pop()!;
      if (seen.has(state)) continue;
      seen.add(state);
      if (state === null || state.expression.kind === 'text' || state.expression.kind === 'chars') waiting.push(state);
      else todo.push(...this.#successors(state.expression, state.rest));
    }
    return waiting;
  }

  #successors(expression: Expression, rest: State | null): (State | null)[] {
    switch (expression.kind) {
      case 'rule':
        return [this.#state(this.#grammar.get(expression.name)!, rest)];
      case 'sequence':
        return [expression.items.reduceRight((after, item) => this.#state(item, after), rest)];
      case 'choice':
        return expression.options.map((option) => this.#state(option, rest));
      case 'repeat': {
        const { item, min, max } = expression;
        const again = max === 1 ? empty : this.#less(expression);
        return [...(min === 0 ? [rest] : []), this.#state(item, again === empty ? rest : this.#state(again, rest))];
      }
      default:
        return [];
    }
  }

  readonly #lessOf = new Map<Expression, Expression>();

  /** The same object each time, as states are told apart by it. */
  #less(expression: Expression & { kind: 'repeat' }): Expression {
    const { item, min, max } = expression;
    if (min === 0 && max === Infinity) return expression;
    const less = this.#lessOf.get(expression) ?? { kind: 'repeat', item, min: Math.max(0, min - 1), max: max - 1 };
    this.#lessOf.set(expression, less);
    return less;
  }

  readonly #texts = new Map<string, Expression>();

  #state(expression: Expression, rest: State | null): State {
    let same = expression;
    if (expression.kind === 'text') {
      same = this.#texts.get(expression.text) ?? expression;
      this.#texts.set(expression.text, same);
    }
    const byRest = this.#states.get(same) ?? new Map<number, State>();
    this.#states.set(same, byRest);
    const key = rest?.id ?? -1;
    const known = byRest.get(key) ?? { expression: same, rest, id: this.#count++ };
    byRest.set(key, known);
    return known;
  }
}

/**
 * Whether the whole text is in the language of an expression without rules, and in how many steps that was found;
 * undefined when it takes more than `maxLooks`.
 */
export function matches(
  expression: Expression,
  text: string,
  maxLooks = Infinity,
): { matched: boolean; looks: number } | undefined {
  const matcher = new Matcher(new Map([[rootRule, expression]]));
  for (const char of text) {
    if (!matcher.viable) break;
    if (matcher.looks > maxLooks) return undefined;
    matcher.push(char);
  }
  return { matched: matcher.complete, looks: matcher.looks };
}
