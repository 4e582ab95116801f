/** Batches as a caller sees them: made, listed, watched, cancelled. run-batch.ts does the work. */
import { AtelierError } from '@atelier/errors';
import { type ExpressionBuilder, sql } from 'kysely';
import type { Wake } from '../../jobs/wake.ts';
import type { Database } from '../../storage/database/database.ts';
import type { BatchState, Tables } from '../../storage/database/tables.ts';
import type { Identity } from '../access/access.ts';
import type { Files } from '../files/files.ts';
import { afterRow } from '../after-row.ts';
import { isUuid } from '../is-id.ts';
import type { Batch } from './batch-api.ts';

export type Batches = ReturnType<typeof createBatches>;

export type NewBatch = {
  api: string;
  endpoint: string;
  model: string;
  /** What the API's lines leave out besides the model. */
  parameters?: Record<string, unknown>;
  metadata: Record<string, string>;
  inputFileIds: readonly string[];
  timeoutSeconds: number;
};

export type BatchFilter = {
  api?: string | undefined;
  model?: string | undefined;
  states?: readonly BatchState[] | undefined;
  createdAfter?: Date | undefined;
  createdBy?: string | undefined;
  /** Every pair has to be in the batch's. */
  metadata?: Record<string, string> | undefined;
};

/** States that a worker or a cancel can still change. */
const active: readonly BatchState[] = ['queued', 'running', 'saving', 'cancelling'];

export function createBatches({ database, files, wake }: { database: Database; files: Files; wake: Wake }) {
  const ofWorkspace = (identity: Identity) =>
    database
      .selectFrom('batches')
      .selectAll()
      .select((batch) =>
        batch
          .selectFrom('batch_inputs')
          .select(sql<string[]>`coalesce(json_agg(file_id order by position), '[]')`.as('ids'))
          .whereRef('batch_inputs.batch_id', '=', 'batches.id')
          .as('input_file_ids'),
      )
      .where('workspace_id', '=', identity.workspaceId);

  async function find(identity: Identity, id: string): Promise<Batch> {
    const batch = isUuid(id) ? await ofWorkspace(identity).where('id', '=', id).executeTakeFirst() : undefined;
    if (!batch) throw new AtelierError('not_found', { kind: 'Batch' });
    return batch as Batch;
  }

  return {
    get: find,

    /** @throws AtelierError `not_found` for a file of another workspace, `invalid_request` for one of another purpose */
    async create(identity: Identity, batch: NewBatch): Promise<Batch> {
      if (batch.inputFileIds.length === 0)
        throw new AtelierError('invalid_request', { reason: 'A batch needs a file' });
      for (const id of batch.inputFileIds) {
        const file = await files.get(identity, id);
        if (file.purpose !== 'batch')
          throw new AtelierError('invalid_request', { reason: `File ${id} was not uploaded for batches` });
      }
      const id = await database.transaction().execute(async (transaction) => {
        const made = await transaction
          .insertInto('batches')
          .values({
            workspace_id: identity.workspaceId,
            api: batch.api,
            endpoint: batch.endpoint,
            model: batch.model,
            parameters: JSON.stringify(batch.parameters ?? {}),
            metadata: JSON.stringify(batch.metadata),
            state: 'queued',
            times_out_at: sql<Date>`now() + make_interval(secs => ${batch.timeoutSeconds})`,
            created_by: identity.userId,
          })
          .returning('id')
          .executeTakeFirstOrThrow();
        const inputs = batch.inputFileIds.map((file_id, position) => ({
          workspace_id: identity.workspaceId,
          batch_id: made.id,
          position,
          file_id,
        }));
        await transaction.insertInto('batch_inputs').values(inputs).execute();
        return made.id;
      });
      await wake.notify('batches');
      return find(identity, id);
    },

    /** A page of the workspace's batches, newest first, and how many there are. */
    async page(
      identity: Identity,
      filter: BatchFilter,
      { offset = 0, after, limit }: { offset?: number; after?: string; limit: number },
    ) {
      if (after !== undefined) await find(identity, after);
      const matching = ofWorkspace(identity).where((batch) => batch.and(conditions(batch, filter)));
      const [batches, { total }] = await Promise.all([
        matching
          .$if(after !== undefined, (query) => query.where(afterRow('batches', after!)))
          .orderBy('created_at', 'desc')
          .orderBy('id', 'desc')
          .offset(offset)
          .limit(limit)
          .execute(),
        matching
          .clearSelect()
          .select(({ fn }) => fn.countAll<number>().as('total'))
          .executeTakeFirstOrThrow(),
      ]);
      return { batches: batches as Batch[], total };
    },

    /** What was answered by then is kept. Twice is no error. @throws AtelierError `conflict` when it has ended otherwise */
    async cancel(identity: Identity, id: string): Promise<Batch> {
      const { state } = await find(identity, id);
      if (state !== 'cancelled' && !active.includes(state))
        throw new AtelierError('conflict', { reason: `The batch has already ended (${state})` });
      await database
        .updateTable('batches')
        .set({ state: 'cancelling', updated_at: sql<Date>`now()` })
        .where('id', '=', id)
        .where('state', 'in', ['queued', 'running'])
        .execute();
      await wake.notify('batches');
      return find(identity, id);
    },
  };
}

function conditions(
  batch: ExpressionBuilder<Tables, 'batches'>,
  { api, model, states, createdAfter, createdBy, metadata }: BatchFilter,
) {
  return [
    ...(api === undefined ? [] : [batch('api', '=', api)]),
    ...(model === undefined ? [] : [batch('model', '=', model)]),
    ...(states === undefined ? [] : [batch('state', '=', batch.fn.any(batch.val(states)))]),
    ...(createdAfter === undefined ? [] : [batch('created_at', '>=', createdAfter)]),
    ...(createdBy === undefined ? [] : [batch('created_by', '=', createdBy)]),
    ...(metadata === undefined ? [] : [sql<boolean>`metadata @> ${JSON.stringify(metadata)}::jsonb`]),
  ];
}
