import { readFile, stat } from 'node:fs/promises';
import type { z } from 'zod';
import { invalidFile } from './invalid-file.ts';
import { maxJsonBytes, maxJsonDepth } from './limits.ts';

/** A JSON file checked by `schema`; `invalid_model_file` names the field that is wrong. */
export async function readJson<Schema extends z.ZodType>(
  file: string,
  schema: Schema,
  limit = maxJsonBytes,
): Promise<z.output<Schema>> {
  let value: unknown;
  const text = await readLimited(file, limit);
  try {
    value = JSON.parse(text.toString('utf8'));
  } catch (error) {
    throw invalidFile(file, 'it is not JSON', error);
  }
  if (isDeeperThan(value, maxJsonDepth)) throw invalidFile(file, `it is nested more than ${maxJsonDepth} levels deep`);
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  throw invalidFile(file, `${issue?.path.join('.') || 'the whole'}: ${issue?.message}`);
}

/** Level by level, because recursion is what depth would break. */
function isDeeperThan(value: unknown, limit: number): boolean {
  let level = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limit) return true;
    level = level.flatMap((item) => (typeof item === 'object' && item !== null ? Object.values(item) : []));
  }
  return false;
}

/** A whole file of at most `limit` bytes. */
export async function readLimited(file: string, limit: number): Promise<Buffer> {
  const { size } = await stat(file).catch((error: unknown) => {
    throw invalidFile(file, 'it cannot be read', error);
  });
  if (size > limit) throw invalidFile(file, `it has ${size} bytes, more than ${limit}`);
  return await readFile(file);
}

/** The same, or undefined when there is no such file. */
export async function readOptionalJson<Schema extends z.ZodType>(
  file: string,
  schema: Schema,
  limit = maxJsonBytes,
): Promise<z.output<Schema> | undefined> {
  const there = await stat(file).then(
    () => true,
    () => false,
  );
  return there ? await readJson(file, schema, limit) : undefined;
}
