import type { Lease } from '../../jobs/leases.ts';
import { newId } from '../new-id.ts';
import type { JobRow, JobRows } from './job-row.ts';

/** Days, years first and without dashes: 20261121. */
const dayOf = (date: Date): string => date.toISOString().slice(0, 10).replaceAll('-', '');

/**
 * The name of the model that a job makes: `ft:<base>:<suffix or owner>:<day>:<first 8 of the job's UUID>`, and
 * `ft:classifier:<base>:...` for classifiers. The owner stands for himself by the last 8 of his id.
 */
export function fineTunedName(
  base: string,
  job: Pick<JobRow, 'task' | 'suffix' | 'created_by' | 'created_at' | 'uuid'>,
): string {
  const kind = job.task === 'classification' ? ['ft', 'classifier'] : ['ft'];
  const owner = job.suffix ?? job.created_by.slice(-8);
  return [...kind, base, owner, dayOf(job.created_at), job.uuid.slice(0, 8)].join(':');
}

/** Makes the last checkpoint of a job a model that can be asked by its name. Done twice, it is done once. */
export async function nameModel(rows: JobRows, lease: Lease, job: JobRow): Promise<void> {
  await rows.write(lease, async (transaction) => {
    const checkpoint = await transaction
      .selectFrom('checkpoints')
      .select('number')
      .where('job_id', '=', job.id)
      .orderBy('number', 'desc')
      .executeTakeFirst();
    if (!checkpoint) return;
    const base = await transaction
      .selectFrom('models')
      .select(['name', 'family', 'context_length', 'parameters', 'chat', 'capabilities'])
      .where('id', '=', job.base_model)
      .executeTakeFirstOrThrow();
    await transaction
      .insertInto('models')
      .values({
        ...base,
        capabilities: JSON.stringify(base.capabilities),
        id: newId('md'),
        workspace_id: job.workspace_id,
        name: fineTunedName(base.name, job),
        kind: 'fine-tuned',
        training_job_id: job.id,
        checkpoint_number: checkpoint.number,
      })
      .onConflict((conflict) => conflict.columns(['workspace_id', 'name']).doNothing())
      .execute();
  });
}
