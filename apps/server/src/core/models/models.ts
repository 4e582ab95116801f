/**
 * Models: base models, which can be trained and deployed, others that are only served, those that jobs made, and those that
 * other servers run. Models of the machine's model directories, and remote ones, belong to every workspace.
 */
import path from 'node:path';
import { parseReference } from '@atelier/hub';
import type { ModelRef, RemoteModel, RemoteModelRef } from '@atelier/engine';
import { AtelierError } from '@atelier/errors';
import type { Logger } from '../../logger.ts';
import type { BlobStore } from '../../storage/blobs/blob-store.ts';
import type { Database } from '../../storage/database/database.ts';
import type { Row, RowChange } from '../../storage/database/tables.ts';
import type { Identity } from '../access/access.ts';
import { isId } from '../is-id.ts';
import { Known } from '../known.ts';
import { newId } from '../new-id.ts';
import { checkpointModel } from '../training/checkpoint-model.ts';
import { appearance, modelFiles } from './model-directories.ts';
import { modelColumns, readModelFacts } from './model-facts.ts';

/** A row of its table, or a remote model, which has none: what it does not tell of itself is 0. */
export type Model = Omit<Row<'models'>, 'kind'> & { kind: Row<'models'>['kind'] | 'remote'; remote?: RemoteModelRef };
export type Models = ReturnType<typeof createModels>;

/** A model as an engine runs it. `name`: its own, whatever it was asked by; `task`: what it was fine-tuned for, undefined of a base model. */
export type ServedModel = {
  name: string;
  ref: ModelRef;
  chat: boolean;
  contextTokens: number;
  task: string | undefined;
};

/** What a fine-tuned model was after a step: its name, and the step of the checkpoint. */
const checkpointName = /^(ft:.{1,400}):ckpt-step-(\d{1,9})$/;

export type ModelsParts = {
  database: Database;
  blobs: BlobStore;
  logger: Logger;
  /** Further names of models, such as those that clients of hosted APIs use. */
  aliases: ReadonlyMap<string, string>;
  /** The day from which a model is not to be counted on, by its name. */
  deprecations?: ReadonlyMap<string, string>;
  /** Where expected models come from. */
  hub?: string;
  /** What other servers run. */
  remotes?: () => Promise<RemoteModel[]>;
};

export function createModels({
  database,
  blobs,
  logger,
  aliases,
  deprecations = new Map(),
  hub = 'https://huggingface.co',
  remotes = async () => [],
}: ModelsParts) {
  const started = new Date();
  /** Where base models come from, and how their directories looked when they were read. */
  let directories: readonly string[] = [];
  let seen = '';
  let reading = Promise.resolve();
  const served = new Known<ServedModel>();

  /** The models that a workspace may use: everyone's and its own. */
  const visible = (identity: Pick<Identity, 'workspaceId'>) =>
    database
      .selectFrom('models')
      .selectAll()
      .where('kind', '<>', 'expected')
      .where((model) =>
        model.or([model('workspace_id', 'is', null), model('workspace_id', '=', identity.workspaceId)]),
      );

  /** The workspace's own model goes before everyone's of the same name; one of the other name is the last choice. */
  async function find(identity: Identity, name: string, otherwise = name): Promise<Model | undefined> {
    if (name === '' || name.includes('\0')) return undefined;
    return visible(identity)
      .where('name', 'in', [name, otherwise])
      .orderBy((model) => model('name', '=', name), 'desc')
      .orderBy('workspace_id', (order) => order.asc().nullsLast())
      .executeTakeFirst();
  }

  /** A checkpoint of a fine-tuned model, by the model's name and the checkpoint's step. */
  async function findCheckpoint(identity: Identity, name: string): Promise<Model | undefined> {
    const [, base = '', step] = checkpointName.exec(name) ?? [];
    const model = step === undefined ? undefined : await find(identity, base);
    if (!model || model.training_job_id === null) return undefined;
    const checkpoint = await database
      .selectFrom('checkpoints')
      .select('number')
      .where('job_id', '=', model.training_job_id)
      .where('step', '=', Number(step))
      .executeTakeFirst();
    return checkpoint && { ...model, name, checkpoint_number: checkpoint.number };
  }

  /** Those of other servers are called `service/model`. Adapters of deployments, which such servers list too, belong to workspaces. */
  async function remoteModels(): Promise<Model[]> {
    return (await remotes()).filter(({ id }) => !isId('dp', id)).map((model) => remoteModel(model, started));
  }

  /** Files that came or went since the directories were last read are registered or forgotten. */
  async function lookAgain(): Promise<void> {
    if ((await appearance(directories)) === seen) return;
    await (reading = reading
      .catch(() => {})
      .then(async () => {
        const now = await appearance(directories);
        if (now === seen) return;
        await register();
        seen = now;
      }));
  }

  /** A model by its name, by one that the operator gave it, or by a checkpoint's. @throws AtelierError `unknown_model` */
  async function get(identity: Identity, name: string): Promise<Model> {
    const meant = aliases.get(name) ?? name;
    const model =
      (await find(identity, name, meant)) ??
      (await findCheckpoint(identity, name)) ??
      (await remoteModels()).find((remote) => remote.name === meant);
    if (!model) throw new AtelierError('unknown_model', { name: name.slice(0, 200) });
    return model;
  }

  /** A path that native code may read, of a base model. */
  async function file(model: Pick<Model, 'path' | 'blob'>): Promise<string> {
    return model.path ?? blobs.localPath(model.blob!);
  }

  async function toServe(model: Model): Promise<ServedModel> {
    const { name, chat, context_length: contextTokens, remote, training_job_id: job } = model;
    const facts = { name, chat, contextTokens };
    if (job === null) return { ...facts, ref: remote ?? { path: await file(model) }, task: undefined };
    const { task, ...checkpoint } = await database
      .selectFrom('checkpoints')
      .innerJoin('training_jobs', 'training_jobs.id', 'checkpoints.job_id')
      .innerJoin('models', 'models.id', 'training_jobs.base_model')
      .select([
        'checkpoints.adapter_blob',
        'checkpoints.model_blob',
        'checkpoints.head_blob',
        'models.path',
        'models.blob',
        'training_jobs.task',
      ])
      .where('checkpoints.job_id', '=', job)
      .where('checkpoints.number', '=', model.checkpoint_number)
      .executeTakeFirstOrThrow();
    return { ...facts, ref: await checkpointModel(blobs, await file(checkpoint), checkpoint), task };
  }

  async function own(identity: Identity, name: string): Promise<Model> {
    const model = (await find(identity, name)) ?? (await remoteModels()).find((remote) => remote.name === name);
    if (!model) throw new AtelierError('unknown_model', { name: name.slice(0, 200) });
    if (model.kind !== 'fine-tuned') throw new AtelierError('forbidden');
    return model;
  }

  async function register(): Promise<void> {
    const files = await modelFiles(directories);
    for (const [name, file] of files) {
      try {
        const { untrainable, ...facts } = await readModelFacts(file);
        if (untrainable) logger.info({ model: name, reason: untrainable.message }, 'a model is served, not trained');
        const columns = { ...modelColumns(facts, file), kind: untrainable ? ('served' as const) : ('base' as const) };
        await database
          .insertInto('models')
          .values({ id: newId('md'), workspace_id: null, name, ...columns })
          .onConflict((conflict) => conflict.columns(['workspace_id', 'name']).doUpdateSet(columns))
          .execute();
      } catch (error) {
        files.delete(name);
        logger.warn({ err: error, model: name }, 'a model file is left out');
      }
    }
    await database
      .deleteFrom('models')
      .where('workspace_id', 'is', null)
      .where('path', 'is not', null)
      .$if(files.size > 0, (query) => query.where('name', 'not in', [...files.keys()]))
      .where(({ not, exists, selectFrom }) =>
        not(exists(selectFrom('training_jobs').select('id').whereRef('training_jobs.base_model', '=', 'models.id'))),
      )
      .execute();
    served.forget();
  }

  return {
    /**
     * Registers each `*.gguf` of `directories` for everyone, under its file name; where two have one name the first
     * directory's counts. A file that is no model is logged and left out; a model whose file is gone is forgotten, unless
     * jobs name it. For starts of the server; lists of models notice what changes later.
     */
    async register(given: readonly string[]): Promise<void> {
      directories = given;
      seen = await appearance(given);
      await register();
    },

    /** Base models, by name. */
    async listBase(identity: Identity): Promise<Model[]> {
      await lookAgain();
      return visible(identity).where('kind', '=', 'base').orderBy('name').execute();
    },

    /** Base models and those that jobs made, by name, then those of other servers. */
    async list(identity: Identity): Promise<Model[]> {
      await lookAgain();
      return [...(await visible(identity).orderBy('name').execute()), ...(await remoteModels())];
    },

    /** The workspace's own model goes before everyone's of the same name. @throws AtelierError `not_found` */
    async getBase(identity: Identity, name: string): Promise<Model> {
      const model = await find(identity, name);
      if (model?.kind !== 'base') throw new AtelierError('not_found', { kind: 'Base model' });
      return model;
    },

    get,

    /**
     * What an engine runs for a name that `get` knows: its file, or what its job made of another's. Where another server
     * deleted or changed the model, this may be what it was a second ago.
     * @throws AtelierError `unknown_model`
     */
    serve: (identity: Identity, name: string): Promise<ServedModel> =>
      served.get(`${identity.workspaceId}\0${name}`, async () => toServe(await get(identity, name))),

    /** The same for one model, as it is now. */
    ref: async (model: Model): Promise<ModelRef> => (await toServe(model)).ref,

    /** All models of a name, or of what that is another name for, whichever workspace they belong to: for the operator. */
    async everywhere(name: string): Promise<Model[]> {
      const meant = aliases.get(name) ?? name;
      return database
        .selectFrom('models')
        .selectAll()
        .where('name', '=', meant)
        .where('kind', '<>', 'expected')
        .execute();
    },

    /** When a model is not to be counted on any more, where the operator has said so. */
    deprecationOf({ name }: Pick<Model, 'name'>): Date | null {
      const day = deprecations.get(name);
      return day === undefined ? null : new Date(day);
    },

    /** The other names of a model. */
    aliasesOf(model: Pick<Model, 'name'>): string[] {
      return [...aliases].filter(([, name]) => name === model.name).map(([alias]) => alias);
    },

    /** @throws AtelierError `unknown_model`; `forbidden` for a base model, which belongs to the operator */
    async update(
      identity: Identity,
      name: string,
      change: Pick<RowChange<'models'>, 'title' | 'description' | 'archived'>,
    ): Promise<Model> {
      const model = await own(identity, name);
      if (Object.keys(change).length === 0) return model;
      return database
        .updateTable('models')
        .set(change)
        .where('id', '=', model.id)
        .returningAll()
        .executeTakeFirstOrThrow();
    },

    /**
     * Forgets the name; the job and its checkpoint stay.
     * @throws AtelierError `unknown_model`, `forbidden`; `conflict` while a deployment answers with the same checkpoint
     */
    async remove(identity: Identity, name: string): Promise<void> {
      const model = await own(identity, name);
      const { numDeletedRows } = await database
        .deleteFrom('models')
        .where('id', '=', model.id)
        .where(({ not, exists, selectFrom }) =>
          not(
            exists(
              selectFrom('deployments')
                .select('id')
                .whereRef('deployments.training_job_id', '=', 'models.training_job_id')
                .whereRef('deployments.checkpoint_number', '=', 'models.checkpoint_number')
                .where('deployments.state', 'in', ['pending', 'deploying', 'deployed']),
            ),
          ),
        )
        .executeTakeFirst();
      served.forget();
      if (numDeletedRows === 0n)
        throw new AtelierError('conflict', { reason: 'The model is deployed: cancel the deployment first' });
    },

    /** A base model of the workspace that is to come from the hub when a job begins. `reference` is for `parseReference`. @throws AtelierError `invalid_request` */
    async expect({ workspaceId }: Identity, reference: string): Promise<Model> {
      parseReference(reference, hub);
      const id = newId('md');
      const unknown = { family: 'unknown', context_length: 1 << 20, parameters: 1, chat: true };
      return database
        .insertInto('models')
        .values({
          id,
          workspace_id: workspaceId,
          name: `${reference} (${id})`,
          kind: 'expected',
          description: reference,
          ...unknown,
        })
        .returningAll()
        .executeTakeFirstOrThrow();
    },

    /** Forgets an expected model that no job has come to need; other models stay. */
    async expectNoMore({ id }: Model): Promise<void> {
      await database.deleteFrom('models').where('id', '=', id).where('kind', '=', 'expected').execute();
    },

    /**
     * Makes an expected model the base model that `file` is, under the file's name; where the workspace has that already,
     * gives the one it has.
     * @throws AtelierError `invalid_model_file`, `unsupported_model`
     */
    async arrived(model: Model, file: string): Promise<Model> {
      const { untrainable, ...facts } = await readModelFacts(file);
      if (untrainable) throw untrainable;
      const name = path.basename(file, '.gguf');
      const made = await database
        .insertInto('models')
        .values({
          id: newId('md'),
          workspace_id: model.workspace_id,
          name,
          kind: 'base',
          description: model.description,
          ...modelColumns(facts, file),
        })
        .onConflict((conflict) => conflict.columns(['workspace_id', 'name']).doUpdateSet({ path: file }))
        .returningAll()
        .executeTakeFirstOrThrow();
      served.forget();
      return made;
    },

    /** By the id that a training job holds. */
    async byId(id: string): Promise<Model> {
      return database.selectFrom('models').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
    },

    file,
  };
}

function remoteModel({ service, id, contextTokens = 0, parameters = 0 }: RemoteModel, since: Date): Model {
  const name = `${service}/${id}`;
  return {
    id: name,
    workspace_id: null,
    name,
    family: 'remote',
    kind: 'remote',
    remote: { remote: service, model: id },
    blob: null,
    path: null,
    context_length: contextTokens,
    parameters,
    chat: true,
    created_at: since,
    training_job_id: null,
    checkpoint_number: null,
    title: null,
    description: null,
    archived: false,
    capabilities: { tools: true },
  };
}
