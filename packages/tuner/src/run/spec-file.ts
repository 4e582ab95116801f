import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { AtelierError } from '@atelier/errors';
import { runSpecSchema, type RunSpec } from '../contract/index.ts';

/** The text of spec.json or search.json. @throws AtelierError `invalid_request` */
export async function readSettingsFile(directory: string, name: string): Promise<string> {
  try {
    return await readFile(path.join(directory, name), 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code})`;
    throw new AtelierError('invalid_request', { reason: `${name}: ${why}` }, error);
  }
}

/** What spec.json says. Throws `invalid_request` naming the field that is wrong. */
export function parseSpec(text: string): RunSpec {
  const parsed = runSpecSchema.safeParse(json(text));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const field = issue.path.length > 0 ? `${issue.path.join('.')}: ` : '';
  throw new AtelierError('invalid_request', { reason: `spec.json: ${field}${issue.message}` });
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new AtelierError('invalid_request', { reason: 'spec.json: it is not JSON' });
  }
}
