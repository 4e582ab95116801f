import type { Transaction } from 'kysely';
import type { Tables } from '../../storage/database/tables.ts';

/** Forgets the models of the hub, among these, that have never come: each was there for one job alone, which is gone. */
export async function forgetExpected(transaction: Transaction<Tables>, ids: readonly string[]): Promise<void> {
  await transaction
    .deleteFrom('models')
    .where('id', '=', (model) => model.fn.any(model.val(ids)))
    .where('kind', '=', 'expected')
    .execute();
}
