import type { z } from 'zod';
import type { DatasetRecord } from '../records/record.ts';
import { RowProblem, wholeRow } from './row-problem.ts';

/** One form that a row of an upload can have. */
export type Shape = {
  /** Fields by which a row shows that it means this form. */
  readonly marks: readonly string[];
  /** How an error describes the form. */
  readonly description: string;
  /** Throws a RowProblem when the row does not have the form. */
  readonly convert: (row: object) => DatasetRecord;
};

/** A form that rows of a table can have, whose header names these columns in this order. */
export type TableShape = Shape & { readonly columns: readonly string[] };

/** Checks a row by a schema, and says what is wrong without a word of the row. */
export function parseRow<T>(schema: z.ZodType<T>, row: unknown): T {
  const result = schema.safeParse(row);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw new RowProblem(fieldOf(issue.path), reasonOf(issue, row));
}

/** `messages[2].content`; only for paths that a schema names. */
export function fieldOf(path: readonly PropertyKey[]): string {
  if (path.length === 0) return wholeRow;
  return path.map((key, i) => (typeof key === 'number' ? `[${key}]` : `${i === 0 ? '' : '.'}${String(key)}`)).join('');
}

function reasonOf(issue: z.core.$ZodIssue, row: unknown): string {
  switch (issue.code) {
    case 'invalid_type':
      return valueAt(row, issue.path) === undefined
        ? 'is missing'
        : `must be ${expectations[issue.expected] ?? issue.expected}`;
    case 'unrecognized_keys':
      return 'holds a field that does not belong there';
    case 'invalid_value':
      return valueAt(row, issue.path) === undefined ? 'is missing' : `must be ${issue.values.map(String).join(' or ')}`;
    case 'too_small':
      return issue.origin === 'number' ? `must be at least ${issue.minimum}` : 'must not be empty';
    case 'too_big':
      return issue.origin === 'array' ? `must not hold more than ${issue.maximum}` : `must be at most ${issue.maximum}`;
    case 'custom':
      return issue.message;
    default:
      return 'does not have the expected form';
  }
}

const expectations: Record<string, string> = {
  object: 'an object',
  array: 'a list',
  string: 'a text',
  number: 'a number',
};

function valueAt(row: unknown, path: readonly PropertyKey[]): unknown {
  let value = row;
  for (const key of path) value = (value as Record<PropertyKey, unknown> | null | undefined)?.[key];
  return value;
}
