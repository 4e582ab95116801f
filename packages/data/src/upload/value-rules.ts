import { maxDepth } from './limits.ts';
import { RowProblem, wholeRow } from './row-problem.ts';

/**
 * Refuses what no row may hold anywhere: half characters, NUL (PostgreSQL and C strings end there), names that mean
 * something to JavaScript, and nesting without end. `row` is fresh from JSON.parse or a CSV parser.
 */
export function requireSafe(row: unknown): void {
  check(row, wholeRow, 0);
}

function check(value: unknown, field: string, depth: number): void {
  if (typeof value === 'string') {
    const reason = textProblem(value);
    if (reason !== undefined) throw new RowProblem(field, reason);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  if (depth === maxDepth) throw new RowProblem(wholeRow, `is nested deeper than ${maxDepth} levels`);
  for (const [key, item] of Object.entries(value)) {
    if (key === '__proto__') throw new RowProblem(wholeRow, 'uses the field name __proto__, which is reserved');
    if (textProblem(key) !== undefined) throw new RowProblem(wholeRow, `has a field whose name ${textProblem(key)!}`);
    check(item, fieldBelow(field, key, depth, Array.isArray(value)), depth + 1);
  }
}

/** A field's name as far as it says nothing of the row: a known field, and the place in its list. */
function fieldBelow(field: string, key: string, depth: number, inList: boolean): string {
  if (depth === 0) return publicNames.has(key) ? key : field;
  return depth === 1 && inList && field !== wholeRow ? `${field}[${key}]` : field;
}

/** Field names that an error may say, because every data set has them. */
const publicNames = new Set([
  'prompt',
  'completion',
  'input',
  'output',
  'expected_output',
  'text',
  'messages',
  'interactions',
  'tools',
  'labels',
  'score',
  'chosen',
  'rejected',
  'label',
  'prefix',
  'middle',
  'suffix',
]);

function textProblem(text: string): string | undefined {
  if (!text.isWellFormed()) return 'holds half of a surrogate pair';
  if (text.includes('\0')) return 'holds a NUL character';
  return undefined;
}
