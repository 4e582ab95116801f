/**
 * What native code does not notice about a grammar, or only by hanging: rules that begin with themselves behind others
 * that may be empty, and beginnings that can be read in so many ways that time or memory run out.
 */
import { invalid } from '../arguments.ts';
import { readGrammar, terminal, type Element, type Rules } from './gbnf-rules.ts';

/** Ways to begin one rule, each of which native code keeps as a stack. */
const maxWays = 5000;
/** Steps of the native search for rules that begin with themselves, which looks at a rule each time it meets it. */
const maxSearch = 2_000_000;

/** Throws `invalid_request` for a grammar that is wrong, has no rule `root`, or is too much for native code. */
export function checkGrammar(text: string): void {
  if (text.includes('\0')) throw invalid('the grammar holds a zero byte');
  if (!text.isWellFormed()) throw invalid('the grammar is not well-formed Unicode');
  const rules = readGrammar(text);
  const empty = mayBeEmpty(rules);
  const first = rules.alternatives.map((all) => all.flatMap((sequence) => leading(sequence, empty)));
  const order = bottomUp(first);
  const ways = new Float64Array(first.length);
  const search = new Float64Array(first.length);
  for (const rule of order) {
    for (const element of first[rule]!) {
      ways[rule]! += element === terminal ? 1 : ways[element]!;
      search[rule]! += element === terminal ? 0 : search[element]!;
    }
    if (empty.has(rule)) ways[rule]!++;
    search[rule]!++;
    if (ways[rule]! > maxWays) throw invalid(`a rule of the grammar can begin in more than ${maxWays} ways`);
    if (search[rule]! > maxSearch) throw invalid('the rules of the grammar refer to one another in too many ways');
  }
}

/** What a sequence can begin with: its elements up to the first that cannot be empty. */
function leading(sequence: Element[], empty: ReadonlySet<number>): Element[] {
  const end = sequence.findIndex((element) => !empty.has(element));
  return end < 0 ? sequence : sequence.slice(0, end + 1);
}

function mayBeEmpty({ alternatives }: Rules): Set<number> {
  const empty = new Set<number>();
  const users = new Map<number, number[]>();
  const queue: number[] = [];
  const settle = (rule: number) => {
    if (empty.has(rule) || !alternatives[rule]!.some((sequence) => sequence.every((element) => empty.has(element))))
      return;
    empty.add(rule);
    queue.push(rule);
  };
  for (const [rule, all] of alternatives.entries()) {
    for (const element of new Set(all.flat())) {
      const list = users.get(element);
      if (list) list.push(rule);
      else users.set(element, [rule]);
    }
  }
  for (const rule of alternatives.keys()) settle(rule);
  for (let rule = queue.pop(); rule !== undefined; rule = queue.pop())
    for (const user of users.get(rule) ?? []) settle(user);
  return empty;
}

/** Rules in an order in which each comes after those that it can begin with. Throws where there is none. */
function bottomUp(first: readonly (readonly Element[])[]): number[] {
  const order: number[] = [];
  const state = new Uint8Array(first.length);
  const [untouched, open, done] = [0, 1, 2];
  for (const start of first.keys()) {
    const path: { rule: number; next: number }[] = state[start] === untouched ? [{ rule: start, next: 0 }] : [];
    state[start] ||= open;
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const element = first[top.rule]![top.next++];
      if (element === undefined) {
        state[top.rule] = done;
        order.push(path.pop()!.rule);
      } else if (element !== terminal && state[element] === open) {
        throw invalid('a rule of the grammar begins with itself (left recursion)');
      } else if (element !== terminal && state[element] === untouched) {
        state[element] = open;
        path.push({ rule: element, next: 0 });
      }
    }
  }
  return order;
}
