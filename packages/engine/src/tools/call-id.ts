import { hash, randomInt } from 'node:crypto';

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';

/** Letters and digits; Mistral's API and its chat templates take no other length. */
export const callIdLength = 9;

/** An id for a call of a tool; with a seed, the same one for the same call of the same choice. */
export function callId(seed: number | undefined, choice: number, index: number): string {
  if (seed === undefined)
    return Array.from({ length: callIdLength }, () => letters[randomInt(letters.length)]).join('');
  const bytes = hash('sha256', `${seed} ${choice} ${index}`, 'buffer');
  return Array.from(bytes.subarray(0, callIdLength), (byte) => letters[byte % letters.length]).join('');
}
