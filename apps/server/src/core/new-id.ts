import { randomBytes } from 'node:crypto';

export type IdPrefix = 'ws' | 'user' | 'key' | 'ms' | 'ds' | 'tr' | 'dp' | 'md';

/** A new id, `<prefix>-` and 24 hexadecimal digits (96 random bits): not to be guessed, and free of anything to escape. */
export function newId(prefix: IdPrefix): string {
  return `${prefix}-${randomBytes(12).toString('hex')}`;
}

/** The same in the form that the hosted API of agents gives its ids: `<prefix>_` and 32 hexadecimal digits. */
export function newAgentId(prefix: 'ag' | 'conv' | 'msg' | 'fc'): string {
  return `${prefix}_${randomBytes(16).toString('hex')}`;
}
