/** Base models: what can be trained and deployed. Those of the machine's model directories belong to every workspace. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { AtelierError } from '@atelier/errors';
import type { Logger } from '../../logger.ts';
import type { BlobStore } from '../../storage/blobs/blob-store.ts';
import type { Database } from '../../storage/database/database.ts';
import type { Row } from '../../storage/database/tables.ts';
import type { Identity } from '../access/access.ts';
import { newId } from '../new-id.ts';
import { readModelFacts } from './model-facts.ts';

export type Model = Row<'models'>;
export type Models = ReturnType<typeof createModels>;

/** A longer file name is no model's. */
const LONGEST_NAME = 200;

export function createModels({ database, blobs, logger }: { database: Database; blobs: BlobStore; logger: Logger }) {
  /** The models that a workspace may use: everyone's and its own. */
  const visible = (identity: Pick<Identity, 'workspaceId'>) =>
    database
      .selectFrom('models')
      .selectAll()
      .where((model) =>
        model.or([model('workspace_id', 'is', null), model('workspace_id', '=', identity.workspaceId)]),
      );

  return {
    /**
     * Registers each `*.gguf` of `directories` for everyone, under its file name; where two have one name the first
     * directory's counts. A file that is no model is logged and left out; a model whose file is gone is forgotten, unless
     * jobs name it. For starts of the server.
     */
    async register(directories: readonly string[]): Promise<void> {
      const files = await modelFiles(directories);
      for (const [name, file] of files) {
        try {
          const { family, contextLength, parameters, chat } = await readModelFacts(file);
          const facts = { family, context_length: contextLength, parameters, chat, path: file };
          await database
            .insertInto('models')
            .values({ id: newId('md'), workspace_id: null, name, kind: 'base', ...facts })
            .onConflict((conflict) => conflict.columns(['workspace_id', 'name']).doUpdateSet(facts))
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
    },

    /** By name. */
    async list(identity: Identity): Promise<Model[]> {
      return visible(identity).orderBy('name').execute();
    },

    /** The workspace's own model goes before everyone's of the same name. @throws AtelierError `not_found` */
    async get(identity: Identity, name: string): Promise<Model> {
      const model = name.includes('\0')
        ? undefined
        : await visible(identity)
            .where('name', '=', name)
            .orderBy('workspace_id', (order) => order.asc().nullsLast())
            .executeTakeFirst();
      if (!model) throw new AtelierError('not_found', { kind: 'Base model' });
      return model;
    },

    /** By the id that a training job holds. */
    async byId(id: string): Promise<Model> {
      return database.selectFrom('models').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
    },

    /** A path that native code may read. */
    async file(model: Pick<Model, 'path' | 'blob'>): Promise<string> {
      return model.path ?? blobs.localPath(model.blob!);
    },
  };
}

async function modelFiles(directories: readonly string[]): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const directory of directories) {
    const names = await readdir(directory).catch(() => []);
    for (const file of names.sort()) {
      const name = path.basename(file, '.gguf');
      if (!file.endsWith('.gguf') || name === '' || name.length > LONGEST_NAME || files.has(name)) continue;
      files.set(name, path.join(directory, file));
    }
  }
  return files;
}
