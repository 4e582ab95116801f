import type { z } from 'zod';
import type { PlatformFile } from '../../../core/files/files.ts';
import type { fileSchema } from '../schemas/files.ts';
import { unixSeconds, wireId } from './ids.ts';

type WireFile = z.infer<typeof fileSchema>;

/** A purpose of another API is none of this one's. */
const foreignPurposes: Readonly<Record<string, WireFile['purpose']>> = { ocr: 'user_data' };

export function wireFile(file: PlatformFile): WireFile {
  return {
    id: wireId('file', file.id),
    object: 'file',
    bytes: file.bytes,
    created_at: unixSeconds(file.created_at),
    ...(file.expires_at !== null && { expires_at: unixSeconds(file.expires_at) }),
    filename: file.name,
    purpose: foreignPurposes[file.purpose] ?? (file.purpose as WireFile['purpose']),
    status: 'processed',
  };
}
