/** Projects hold a workspace's data sets, training jobs and deployments together. */
import { AtelierError } from '@atelier/errors';
import type { Database } from '../../storage/database/database.ts';
import type { Identity } from '../access/access.ts';
import { isFinished as isDeploymentFinished } from '../deployments/states.ts';
import { forgetExpected } from '../models/forget-expected.ts';
import { newId } from '../new-id.ts';
import { defaultProject } from './default-project.ts';
import { orConflict } from '../stale-reference.ts';
import { isFinished as isTrainingFinished } from '../training/states.ts';
import { type Project, requireProject } from './require-project.ts';

export type Projects = ReturnType<typeof createProjects>;

export function createProjects(database: Database) {
  return {
    async create(identity: Identity, { name }: { name?: string | undefined }): Promise<Project> {
      return database
        .insertInto('projects')
        .values({
          id: newId('ms'),
          workspace_id: identity.workspaceId,
          name: name ?? null,
          created_by: identity.userId,
        })
        .returningAll()
        .executeTakeFirstOrThrow();
    },

    /** Oldest first. */
    async list(identity: Identity): Promise<Project[]> {
      return database
        .selectFrom('projects')
        .selectAll()
        .where('workspace_id', '=', identity.workspaceId)
        .orderBy('created_at')
        .orderBy('id')
        .execute();
    },

    /** The project for what comes through APIs that know none. */
    default: (identity: Identity): Promise<Project> => defaultProject(database, identity),

    get: (identity: Identity, id: string): Promise<Project> => requireProject(database, identity, id),

    /**
     * Removes a project with all that is in it.
     * @throws AtelierError `conflict`, and nothing is removed, while a training job or a deployment in it is active.
     */
    async remove(identity: Identity, id: string): Promise<void> {
      await requireProject(database, identity, id);
      const reason = 'The project has active training jobs or deployments: cancel or delete them first';
      const removal = database.transaction().execute(async (transaction) => {
        // Holds back whatever would be added to the project meanwhile.
        await transaction.selectFrom('projects').select('id').where('id', '=', id).forUpdate().execute();
        const jobs = await transaction
          .selectFrom('training_jobs')
          .select(['state', 'base_model'])
          .where('project_id', '=', id)
          .forUpdate()
          .execute();
        const deployments = await transaction
          .selectFrom('deployments')
          .select('state')
          .where('project_id', '=', id)
          .forUpdate()
          .execute();
        if (
          !jobs.every(({ state }) => isTrainingFinished(state)) ||
          !deployments.every(({ state }) => isDeploymentFinished(state))
        ) {
          throw new AtelierError('conflict', { reason });
        }
        await transaction.deleteFrom('deployments').where('project_id', '=', id).execute();
        await transaction.deleteFrom('training_jobs').where('project_id', '=', id).execute();
        const bases = jobs.map(({ base_model }) => base_model);
        await forgetExpected(transaction, bases);
        await transaction.deleteFrom('datasets').where('project_id', '=', id).execute();
        await transaction.deleteFrom('projects').where('id', '=', id).execute();
      });
      await orConflict(removal, reason);
    },
  };
}
