import { hash, randomBytes } from 'node:crypto';

/** Longer ones are not even hashed. */
const MAX_KEY_LENGTH = 512;

/** A new API key: 256 random bits behind a prefix that secret scanners can be taught. */
export function newApiKey(): string {
  return `ak-${randomBytes(32).toString('base64url')}`;
}

/** What is stored of a key: its SHA-256. Enough, since a key is random and not a password. null for what cannot be a key. */
export function hashApiKey(key: string): Buffer | null {
  return key === '' || key.length > MAX_KEY_LENGTH ? null : hash('sha256', key, 'buffer');
}
