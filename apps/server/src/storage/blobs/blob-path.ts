/** The only place that builds paths of blobs. */
import path from 'node:path';
import { AtelierError } from '@atelier/errors';

const SHA256 = /^[0-9a-f]{64}$/;

export function isSha256(text: string): boolean {
  return SHA256.test(text);
}

/**
 * `root`/ab/cd/<sha256>.
 * @throws AtelierError `not_found` for anything but 64 lower-case hexadecimal digits, so that no other text reaches a path.
 */
export function blobPath(root: string, sha256: string): string {
  if (!isSha256(sha256)) throw new AtelierError('not_found', { kind: 'blob' });
  return path.join(root, sha256.slice(0, 2), sha256.slice(2, 4), sha256);
}

/** Where content is written before its hash is known. Everything in it belongs to a put that is under way or was cut short. */
export function asideDirectory(root: string): string {
  return path.join(root, 'aside');
}
