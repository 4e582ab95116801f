import { AtelierError } from '@atelier/errors';
import { runSpecSchema, type RunSpec } from '../contract/index.ts';

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
