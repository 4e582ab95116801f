/** How an embedding model pools, from the files of sentence-transformers. Numbers are llama.h's `llama_pooling_type`. */
import path from 'node:path';
import { z } from 'zod';
import type { Metadata } from './families/family.ts';
import { invalidFile } from './invalid-file.ts';
import { readJson, readOptionalJson } from './read-json.ts';

const modulesSchema = z.array(z.looseObject({ type: z.string(), path: z.string() }));
const poolingSchema = z.looseObject({
  pooling_mode_mean_tokens: z.boolean().default(false),
  pooling_mode_cls_token: z.boolean().default(false),
  pooling_mode_lasttoken: z.boolean().default(false),
});

/** The pooling key of a folder with modules.json; none for others. */
export async function poolingMetadata(directory: string, architecture: string): Promise<Metadata> {
  const modules = await readOptionalJson(path.join(directory, 'modules.json'), modulesSchema);
  const module = modules?.find(({ type }) => type.endsWith('Pooling'));
  if (!module) return [];
  // A path out of the folder could read any file of the machine.
  if (!/^[\w-]+$/.test(module.path))
    throw invalidFile(
      path.join(directory, 'modules.json'),
      'the path of its pooling is not the name of a folder in it',
    );
  const file = path.join(directory, module.path, 'config.json');
  const modes = await readJson(file, poolingSchema);
  const value = modes.pooling_mode_mean_tokens
    ? 1
    : modes.pooling_mode_cls_token
      ? 2
      : modes.pooling_mode_lasttoken
        ? 3
        : 0;
  if (value === 0) throw invalidFile(file, 'its pooling is not supported; supported: mean, cls, last token');
  return [[`${architecture}.pooling_type`, { type: 'UINT32', value }]];
}
