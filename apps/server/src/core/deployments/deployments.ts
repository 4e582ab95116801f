/** Deployments: checkpoints of training jobs that answer requests. deployer.ts brings them up. */
import { AtelierError } from '@atelier/errors';
import type { Database } from '../../storage/database/database.ts';
import type { Row } from '../../storage/database/tables.ts';
import type { Identity } from '../access/access.ts';
import { isId } from '../is-id.ts';
import { Known } from '../known.ts';
import type { Model } from '../models/models.ts';
import { newId } from '../new-id.ts';
import { requireProject } from '../projects/require-project.ts';
import { orConflict } from '../stale-reference.ts';
import type { TrainingJobs } from '../training/training-jobs.ts';
import type { DeployedModel } from './deployed-model.ts';
import type { Deployer } from './deployer.ts';
import { moveDeployment } from './move-deployment.ts';
import type { RemotePlaces } from './remote-places.ts';

/** With what its training job trained. */
export type Deployment = Row<'deployments'> & { task: string; base_model: string; model_name: string };
export type Deployments = ReturnType<typeof createDeployments>;

export type NewDeployment = {
  name?: string | undefined;
  description?: string | undefined;
  trainingJobId: string;
  checkpoint: number;
  /** `serverless`: another server runs it, which the operator has named for its base model. */
  serverType: 'on-demand' | 'serverless';
};

type Parts = {
  database: Database;
  trainingJobs: TrainingJobs;
  deployer: Deployer;
  remotePlaces: RemotePlaces;
  /** What the deployment of this id runs. */
  modelOf: (id: string) => Promise<DeployedModel>;
};

export function createDeployments({ database, trainingJobs, deployer, remotePlaces, modelOf }: Parts) {
  const served = new Known<(Deployment & DeployedModel) | null>();

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

  /** Other servers take adapters, and nothing but text comes back. @throws AtelierError `invalid_request` */
  function requireElsewhere(base: string, { adapter_blob, head_blob }: Row<'checkpoints'>): void {
    const invalid = (reason: string) => new AtelierError('invalid_request', { reason: `serverless: ${reason}` });
    if (!remotePlaces.has(base)) throw invalid(`no remote engine deploys the base model ${base}; use on-demand`);
    if (adapter_blob === null) throw invalid('the checkpoint is a whole model and no adapter; use on-demand');
    if (head_blob !== null) throw invalid('the checkpoint has a head, which only this server runs; use on-demand');
  }

  return {
    get: find,

    /**
     * A deployment that is up, and what it runs; null when it is not up. Where another server took it down, this may be
     * what it was a second ago.
     * @throws AtelierError `not_found`
     */
    serve: (identity: Identity, projectId: string, id: string): Promise<(Deployment & DeployedModel) | null> =>
      served.get([identity.workspaceId, projectId, id].join('\0'), async () => {
        const deployment = await find(identity, projectId, id);
        return deployment.state === 'deployed' ? { ...deployment, ...(await modelOf(id)) } : null;
      }),

    /** Whether another server may run what is trained from this base model. */
    runsElsewhere: ({ name }: Pick<Model, 'name'>): boolean => remotePlaces.has(name),

    /**
     * @throws AtelierError `not_found` for a training job of another project or workspace, or a checkpoint it has not;
     * `invalid_request` for one that no other server can run, where that is asked for
     */
    async create(identity: Identity, projectId: string, deployment: NewDeployment): Promise<Deployment> {
      const job = await trainingJobs.get(identity, projectId, deployment.trainingJobId);
      const checkpoints = await trainingJobs.checkpoints(job);
      const checkpoint = checkpoints.find(({ number }) => number === deployment.checkpoint);
      if (!checkpoint) throw new AtelierError('not_found', { kind: 'Checkpoint' });
      if (deployment.serverType === 'serverless') requireElsewhere(job.model_name, checkpoint);
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
      const moved = await moveDeployment(database, id, 'cancelled');
      served.forget();
      if (moved) return await deployer.stop(id);
      const { state } = await find(identity, projectId, id);
      if (state !== 'cancelled')
        throw new AtelierError('conflict', { reason: `The deployment has already ended (${state})` });
    },

    /** In whatever state it is: requests under way go on to their end, later ones find nothing. */
    async remove(identity: Identity, projectId: string, id: string): Promise<void> {
      await find(identity, projectId, id);
      await moveDeployment(database, id, 'cancelled');
      served.forget();
      await deployer.stop(id);
      await database
        .deleteFrom('deployments')
        .where('id', '=', id)
        .where('workspace_id', '=', identity.workspaceId)
        .execute();
    },
  };
}
