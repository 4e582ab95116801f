/** Data sets: what was uploaded, byte for byte, and its records in the platform's own form. */
import path from 'node:path';
import type { DatasetFormat, DatasetProfile } from '@atelier/data';
import { AtelierError } from '@atelier/errors';
import type { Events } from '../../events.ts';
import type { BlobStore } from '../../storage/blobs/blob-store.ts';
import type { Database } from '../../storage/database/database.ts';
import type { NewRow, Row } from '../../storage/database/tables.ts';
import type { Identity } from '../access/access.ts';
import { isId } from '../is-id.ts';
import { newId } from '../new-id.ts';
import { requireProject } from '../projects/require-project.ts';
import { orConflict } from '../stale-reference.ts';
import { type Intake, takeIn } from './intake.ts';

export type Dataset = Row<'datasets'>;
export type Datasets = ReturnType<typeof createDatasets>;

export type Upload = { fileName: string; content: AsyncIterable<Uint8Array>; profile: DatasetProfile };

const formats: Readonly<Record<string, DatasetFormat>> = { '.csv': 'csv', '.jsonl': 'jsonl' };

type Parts = { database: Database; blobs: BlobStore; events: Events; uploadLimit: number };

export function createDatasets({ database, blobs, events, uploadLimit }: Parts) {
  async function find(identity: Identity, projectId: string, id: string): Promise<Dataset> {
    await requireProject(database, identity, projectId);
    const dataset = isId('ds', id)
      ? await database
          .selectFrom('datasets')
          .selectAll()
          .where('id', '=', id)
          .where('workspace_id', '=', identity.workspaceId)
          .where('project_id', '=', projectId)
          .executeTakeFirst()
      : undefined;
    if (!dataset) throw new AtelierError('not_found', { kind: 'Dataset' });
    return dataset;
  }

  return {
    get: find,

    /** Whatever its project. @throws AtelierError `not_found` */
    async inWorkspace(identity: Identity, id: string): Promise<Dataset> {
      const dataset = isId('ds', id)
        ? await database
            .selectFrom('datasets')
            .selectAll()
            .where('id', '=', id)
            .where('workspace_id', '=', identity.workspaceId)
            .executeTakeFirst()
        : undefined;
      if (!dataset) throw new AtelierError('not_found', { kind: 'Dataset' });
      return dataset;
    },

    /**
     * Stores and converts an upload; `create` then makes a data set of it. What never becomes one is swept.
     * @throws AtelierError `not_found` before anything is read; `invalid_dataset` naming line, field and reason of the first
     *   bad row, `payload_too_large`, `storage_full`
     */
    async takeIn(
      identity: Identity,
      projectId: string,
      { fileName, content, profile }: Upload,
      signal: AbortSignal,
    ): Promise<Intake> {
      await requireProject(database, identity, projectId);
      const format = formats[path.extname(fileName).toLowerCase()];
      if (!format)
        throw new AtelierError('invalid_request', {
          reason: `The name of the file must end in ${Object.keys(formats).join(' or ')}`,
        });
      return takeIn(blobs, content, { format, profile, limit: uploadLimit, signal });
    },

    async create(
      identity: Identity,
      projectId: string,
      { name, intake }: { name: string; intake: Intake },
    ): Promise<Dataset> {
      await requireProject(database, identity, projectId);
      const insertion = database.transaction().execute(async (transaction) => {
        const made = await transaction
          .insertInto('datasets')
          .values({
            id: newId('ds'),
            workspace_id: identity.workspaceId,
            project_id: projectId,
            name,
            state: 'ready',
            format: intake.format,
            records: intake.records,
            source_blob: intake.source.sha256,
            records_blob: intake.converted.sha256,
            created_by: identity.userId,
          })
          .returningAll()
          .executeTakeFirstOrThrow();
        await transaction.insertInto('files').values(fileOf(made, intake)).execute();
        return made;
      });
      const dataset = await orConflict(insertion, 'The project was deleted during the upload');
      events.datasetUploaded({ id: dataset.id, records: intake.records, bytes: intake.source.bytes });
      return dataset;
    },

    /** Oldest first. */
    async list(identity: Identity, projectId: string): Promise<Dataset[]> {
      await requireProject(database, identity, projectId);
      return database
        .selectFrom('datasets')
        .selectAll()
        .where('workspace_id', '=', identity.workspaceId)
        .where('project_id', '=', projectId)
        .orderBy('created_at')
        .orderBy('id')
        .execute();
    },

    /** Its file goes with it. @throws AtelierError `conflict` while a training job names it. */
    async remove(identity: Identity, projectId: string, id: string): Promise<void> {
      await find(identity, projectId, id);
      const removal = database
        .deleteFrom('datasets')
        .where('id', '=', id)
        .where('workspace_id', '=', identity.workspaceId)
        .execute();
      await orConflict(removal, 'A training job uses this dataset: delete the job first');
    },
  };
}

/** The file by which APIs that have no data sets know one. */
function fileOf(dataset: Dataset, intake: Intake): NewRow<'files'> {
  return {
    workspace_id: dataset.workspace_id,
    name: path.extname(dataset.name) === `.${intake.format}` ? dataset.name : `${dataset.name}.${intake.format}`,
    purpose: 'fine-tune',
    content_kind: intake.kind,
    lines: intake.records,
    bytes: intake.source.bytes,
    blob: intake.source.sha256,
    source: 'upload',
    dataset_id: dataset.id,
    created_by: dataset.created_by,
  };
}
