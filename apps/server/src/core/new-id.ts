import { randomBytes } from 'node:crypto';

export type IdPrefix = 'ws' | 'user' | 'key' | 'ms' | 'ds' | 'tr' | 'dp' | 'md';

/** A new id, `<prefix>-` and 24 hexadecimal digits (96 random bits): not to be guessed, and free of anything to escape. */
export function newId(prefix: IdPrefix): string {
  return `${prefix}-${randomBytes(12).toString('hex')}`;
}
