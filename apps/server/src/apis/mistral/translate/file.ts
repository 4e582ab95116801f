import { AtelierError } from '@atelier/errors';
import type { z } from 'zod';
import type { PlatformFile } from '../../../core/files/files.ts';
import type { fileSchema } from '../schemas/files.ts';
import { unixSeconds } from './model.ts';

type WireFile = z.infer<typeof fileSchema>;

const purposes: Readonly<Record<string, WireFile['purpose']>> = {
  'fine-tune': 'fine-tune',
  batch: 'batch',
  batch_output: 'batch',
  ocr: 'ocr',
};

/** What a file is called whose lines are nobody's training data or requests. */
const plainContent = 'instruct';

export function wireFile(file: PlatformFile): WireFile {
  return {
    id: file.id,
    object: 'file',
    bytes: file.bytes,
    created_at: unixSeconds(file.created_at),
    filename: file.name,
    purpose: purposes[file.purpose] ?? 'ocr',
    sample_type: (file.content_kind ?? plainContent) as WireFile['sample_type'],
    num_lines: file.lines,
    source: file.source === 'platform' ? 'mistral' : 'upload',
  };
}

/** Sources in the platform's words; none of its files comes from a repository. */
export function fileSources(given: readonly WireFile['source'][]): PlatformFile['source'][] {
  return given.flatMap((source) => (source === 'mistral' ? ['platform'] : source === 'upload' ? ['upload'] : []));
}

/** @throws AtelierError `invalid_request` */
export function requirePart<T>(part: T | undefined, name: string): T {
  if (part === undefined) throw new AtelierError('invalid_request', { reason: `The form has no ${name}` });
  return part;
}
