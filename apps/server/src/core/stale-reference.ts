import { AtelierError } from '@atelier/errors';

/** PostgreSQL's foreign_key_violation. */
const FOREIGN_KEY_VIOLATION = '23503';

/**
 * Waits for a change that names other rows, or removes one that others may name, and says in the platform's words when one
 * of them came or went between the check and the change.
 * @throws AtelierError `conflict` with `reason`
 */
export async function orConflict<T>(change: Promise<T>, reason: string): Promise<T> {
  try {
    return await change;
  } catch (error) {
    if ((error as { code?: unknown }).code === FOREIGN_KEY_VIOLATION)
      throw new AtelierError('conflict', { reason }, error);
    throw error;
  }
}
