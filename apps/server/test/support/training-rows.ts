import type { Database } from '../../src/storage/database/database.ts';
import type { NewRow } from '../../src/storage/database/tables.ts';

/** What a training job's row needs around it: a workspace with a user, a project, a model and a data set. */
export async function insertTrainingSurroundings(database: Database): Promise<void> {
  await database.insertInto('workspaces').values({ id: 'ws-1', name: 'one' }).execute();
  await database.insertInto('users').values({ id: 'user-1', workspace_id: 'ws-1', name: 'someone' }).execute();
  const owned = { workspace_id: 'ws-1', created_by: 'user-1' };
  await database
    .insertInto('projects')
    .values({ ...owned, id: 'ms-1', name: 'project' })
    .execute();
  await database
    .insertInto('datasets')
    .values({ ...owned, id: 'ds-1', project_id: 'ms-1', name: 'data', state: 'ready' })
    .execute();
  await database
    .insertInto('models')
    .values({
      id: 'model-1',
      name: 'tiny',
      family: 'llama',
      kind: 'base',
      path: '/nowhere',
      context_length: 64,
      parameters: 1000,
      chat: true,
    })
    .execute();
}

export async function insertTrainingJob(
  database: Database,
  id: string,
  given: Partial<NewRow<'training_jobs'>> = {},
): Promise<void> {
  await database
    .insertInto('training_jobs')
    .values({
      id,
      workspace_id: 'ws-1',
      project_id: 'ms-1',
      name: id,
      base_model: 'model-1',
      task: 'generation',
      method: 'lora',
      state: 'queued',
      api: 'emissary',
      created_by: 'user-1',
      api_parameters: '{}',
      hyper_parameters: '{}',
      ...given,
    })
    .execute();
  await database
    .insertInto('training_job_datasets')
    .values({ workspace_id: 'ws-1', job_id: id, role: 'train', position: 0, dataset_id: 'ds-1' })
    .execute();
}
