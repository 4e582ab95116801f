import { type AtelierError } from '@atelier/errors';
import { sql } from 'kysely';
import type { Database } from '../../storage/database/database.ts';
import { type DeploymentState, statesBefore } from './states.ts';

/** Puts a deployment into `state` where the table of states allows it; false, and nothing is written, where it does not. */
export async function moveDeployment(
  database: Database,
  id: string,
  state: DeploymentState,
  error?: AtelierError,
): Promise<boolean> {
  const { numUpdatedRows } = await database
    .updateTable('deployments')
    .set({
      state,
      updated_at: sql<Date>`now()`,
      ...(error && { error: JSON.stringify({ ...error.toJSON(), message: error.message }) }),
    })
    .where('id', '=', id)
    .where('state', '=', (row) => row.fn.any(row.val(statesBefore(state))))
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}
