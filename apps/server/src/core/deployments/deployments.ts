/** Deployments: checkpoints of training jobs that answer requests. deployer.ts brings them up. */
import { AtelierError } from '@atelier/errors';
import type { Database } from '../../storage/database/database.ts';
import type { Row } from '../../storage/database/tables.ts';
import type { Identity } from '../access/access.ts';
import { isId } from '../is-id.ts';
import { newId } from '../new-id.ts';
import { requireProject } from '../projects/require-project.ts';
import { orConflict } from '../stale-reference.ts';
import type { TrainingJobs } from '../training/training-jobs.ts';
import type { Deployer } from './deployer.ts';
import { moveDeployment } from './move-deployment.ts';

/** With what its training job trained. */
export type Deployment = Row<'deployments'> & { task: string; base_model: string; model_name: string };
export type Deployments = ReturnType<typeof createDeployments>;

export type NewDeployment = {
  name?: string | undefined;
  description?: string | undefined;
  trainingJobId: string;
  checkpoint: number;
  serverType: 'on-demand';
};

type Parts = { database: Database; trainingJobs: TrainingJobs; deployer: Deployer };

export function createDeployments({ database, trainingJobs, deployer }: Parts) {
  const ofProject = (identity: Identity, projectId: string) =>
    database
      .selectFrom('deployments')
      .innerJoin('training_jobs', 'training_jobs.id', 'deployments.training_job_id')
      .innerJoin('models', 'models.id', 'training_jobs.base_model')
      .selectAll('deployments')
      .select(['training_jobs.task', 'training_jobs.base_model', 'models.name as model_name'])
      .where('deployments.workspace_id', '=', identity.workspaceId)
      .where('deployments.project_id', '=', projectId);

  async function find(identity: Identity, projectId: string, id: string): Promise<Deployment> {
    await requireProject(database, identity, projectId);
    const deployment = isId('dp', id)
      ? await ofProject(identity, projectId).where('deployments.id', '=', id).executeTakeFirst()
      : undefined;
    if (!deployment) throw new AtelierError('not_found', { kind: 'Deployment' });
    return deployment;
  }

  return {
    get: find,

    /** @throws AtelierError `not_found` for a training job of another project or workspace, or a checkpoint it has not */
    async create(identity: Identity, projectId: string, deployment: NewDeployment): Promise<Deployment> {
      const job = await trainingJobs.get(identity, projectId, deployment.trainingJobId);
      const checkpoints = await trainingJobs.checkpoints(job);
      if (!checkpoints.some(({ number }) => number === deployment.checkpoint))
        throw new AtelierError('not_found', { kind: 'Checkpoint' });
      const id = newId('dp');
      const insertion = database
        .insertInto('deployments')
        .values({
          id,
          workspace_id: identity.workspaceId,
          project_id: projectId,
          name: deployment.name ?? id,
          description: deployment.description ?? null,
          training_job_id: job.id,
          checkpoint_number: deployment.checkpoint,
          server_type: deployment.serverType,
          state: 'pending',
          created_by: identity.userId,
        })
        .execute();
      await orConflict(insertion, 'The project or the training job was deleted meanwhile');
      const made = await find(identity, projectId, id);
      deployer.deploy(id);
      return made;
    },

    /** Oldest first. */
    async list(identity: Identity, projectId: string): Promise<Deployment[]> {
      await requireProject(database, identity, projectId);
      return ofProject(identity, projectId).orderBy('deployments.created_at').orderBy('deployments.id').execute();
    },

    /** Takes a deployment down, or stops bringing it up. Twice is no error. @throws AtelierError `conflict` when it has failed. */
    async cancel(identity: Identity, projectId: string, id: string): Promise<void> {
      await find(identity, projectId, id);
      if (await moveDeployment(database, id, 'cancelled')) return deployer.stop(id);
      const { state } = await find(identity, projectId, id);
      if (state !== 'cancelled')
        throw new AtelierError('conflict', { reason: `The deployment has already ended (${state})` });
    },

    /** In whatever state it is: requests under way go on to their end, later ones find nothing. */
    async remove(identity: Identity, projectId: string, id: string): Promise<void> {
      await find(identity, projectId, id);
      await database
        .deleteFrom('deployments')
        .where('id', '=', id)
        .where('workspace_id', '=', identity.workspaceId)
        .execute();
      deployer.stop(id);
    },
  };
}
