import { open } from 'node:fs/promises';
import path from 'node:path';
import { remoteKinds } from '@atelier/engine';
import { AtelierError } from '@atelier/errors';
import { z } from 'zod';

const url = z.string().refine((text) => {
  const parsed = URL.parse(text);
  return parsed !== null && /^https?:$/.test(parsed.protocol) && parsed.username === '' && parsed.search === '';
}, 'must be a URL that starts with http: or https:, without a user or a query');

const directory = z.string().refine((text) => path.isAbsolute(text), 'must be an absolute path');

/** Which base models of this server the service runs, by the names it gives them, and where both see adapters for them. */
const deploysSchema = z.strictObject({
  directory,
  seenAs: directory.transform((text) => text.replace(/\/+$/, '')).optional(),
  models: z.record(z.string().min(1).max(200), z.string().min(1).max(500)),
});

const serviceSchema = z
  .strictObject({
    name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'must be letters, digits, points and hyphens'),
    kind: z.enum(remoteKinds),
    urls: z.array(url).min(1).max(64),
    key: z
      .string()
      .regex(/^[\x21-\x7e]{1,2000}$/, 'must have printable characters and no spaces')
      .optional(),
    deploys: deploysSchema.optional(),
  })
  .refine(({ kind, deploys }) => deploys === undefined || kind === 'vllm', {
    path: ['deploys'],
    error: 'only servers of kind vllm load adapters while they run',
  });

const servicesSchema = z
  .array(serviceSchema)
  .max(64)
  .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, 'two services have the same name');

/**
 * The services of ATELIER_REMOTE_ENGINES: JSON, or the path of a file with JSON that only its owner may read.
 * @throws AtelierError `invalid_setting`, naming the field and never quoting a value
 */
export async function readRemoteEngines(setting: string | null): Promise<z.output<typeof servicesSchema>> {
  if (setting === null) return [];
  const text = setting.trimStart().startsWith('[') ? setting : await readSecretFile(setting);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid('it is no JSON');
  }
  const parsed = servicesSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw invalid(parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '));
}

async function readSecretFile(file: string): Promise<string> {
  try {
    await using handle = await open(file);
    const { mode } = await handle.stat();
    if (process.platform !== 'win32' && (mode & 0o077) !== 0)
      throw invalid('the file can be read by others: chmod 600');
    return await handle.readFile('utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw code === undefined || error instanceof AtelierError ? error : invalid(`the file cannot be read (${code})`);
  }
}

function invalid(reason: string): AtelierError {
  return new AtelierError('invalid_setting', { name: 'ATELIER_REMOTE_ENGINES', reason });
}
