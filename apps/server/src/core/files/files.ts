/** Files: what was uploaded for a purpose, and what the platform made. One that holds training data has a data set. */
import path from 'node:path';
import type { Readable } from 'node:stream';
import type { DatasetProfile } from '@atelier/data';
import { AtelierError } from '@atelier/errors';
import { type ExpressionBuilder, sql } from 'kysely';
import type { BlobStore, StoredBlob } from '../../storage/blobs/blob-store.ts';
import type { Database } from '../../storage/database/database.ts';
import { lockKey } from '../../storage/database/lock-key.ts';
import type { Row, Tables } from '../../storage/database/tables.ts';
import type { Identity } from '../access/access.ts';
import { type Intake, takeIn } from '../datasets/intake.ts';
import { afterRow } from '../after-row.ts';
import { isUuid } from '../is-id.ts';
import { newId } from '../new-id.ts';
import { defaultProject } from '../projects/default-project.ts';
import { orConflict } from '../stale-reference.ts';
import { countLines } from './count-lines.ts';

export type PlatformFile = Row<'files'>;
export type Files = ReturnType<typeof createFiles>;

/** Every part that is given has to hold. */
export type FileFilter = {
  purposes?: readonly string[] | undefined;
  contentKinds?: readonly string[] | undefined;
  sources?: readonly PlatformFile['source'][] | undefined;
  /** Part of the name, in any case. */
  search?: string | undefined;
};

/** From the `offset`th on, or what comes after the file of an id. */
export type Page = { offset?: number; after?: string; limit: number; oldestFirst?: boolean };

/** An upload that is on disk and was checked; `create` makes a file of it. What never becomes one is swept. */
export type TakenIn = { stored: StoredBlob; lines: number | null; intake: Intake | null; contentKind: string | null };

type Parts = { database: Database; blobs: BlobStore; uploadLimit: number };

export function createFiles({ database, blobs, uploadLimit }: Parts) {
  const ofWorkspace = ({ workspaceId }: Pick<Identity, 'workspaceId'>) =>
    database
      .selectFrom('files')
      .selectAll()
      .where('workspace_id', '=', workspaceId)
      .where((file) => file.or([file('expires_at', 'is', null), file('expires_at', '>', sql<Date>`now()`)]));

  return {
    /**
     * Stores training data and converts it as `profile` says; of its rows, `toleratedShare` may be bad, and are left out.
     * @throws AtelierError `invalid_dataset` naming line, field and reason, `payload_too_large`, `storage_full`
     */
    async takeInTrainingData(
      content: AsyncIterable<Uint8Array>,
      profile: DatasetProfile,
      signal: AbortSignal,
      { toleratedShare = 0 }: { toleratedShare?: number } = {},
    ): Promise<TakenIn> {
      const options = { format: 'jsonl', profile, limit: uploadLimit, toleratedShare, signal } as const;
      const intake = await takeIn(blobs, content, options);
      return { stored: intake.source, lines: intake.records + intake.invalid.count, intake, contentKind: intake.kind };
    },

    /** Stores a file of any other content as it is. @throws AtelierError `payload_too_large`, `storage_full` */
    async takeIn(content: AsyncIterable<Uint8Array>, signal: AbortSignal, limit = uploadLimit): Promise<TakenIn> {
      const lines = { count: 0 };
      const stored = await blobs.put(countLines(content, lines), { limit, signal });
      return { stored, lines: lines.count, intake: null, contentKind: null };
    },

    /** The same name, purpose and content again is the same file. */
    async create(
      identity: Identity,
      { name, purpose, contentKind, source = 'upload', expiresAt = null }: NewFile,
      { stored, lines, intake }: TakenIn,
    ): Promise<PlatformFile> {
      const project = intake && (await defaultProject(database, identity));
      const insertion = database.transaction().execute(async (transaction) => {
        const key = `${identity.workspaceId}/${purpose}/${name}/${stored.sha256}`;
        await lockKey(transaction, key);
        const known = await transaction
          .selectFrom('files')
          .selectAll()
          .where('workspace_id', '=', identity.workspaceId)
          .where('source', '=', source)
          .where('purpose', '=', purpose)
          .where('name', '=', name)
          .where('blob', '=', stored.sha256)
          .executeTakeFirst();
        if (known) return known;
        const dataset =
          intake &&
          (await transaction
            .insertInto('datasets')
            .values({
              id: newId('ds'),
              workspace_id: identity.workspaceId,
              project_id: project!.id,
              name: path.parse(name).name || name,
              state: 'ready',
              format: intake.format,
              records: intake.records,
              invalid_rows: intake.invalid.count,
              invalid_examples: JSON.stringify(intake.invalid.first),
              source_blob: intake.source.sha256,
              records_blob: intake.converted.sha256,
              created_by: identity.userId,
            })
            .returning('id')
            .executeTakeFirstOrThrow());
        return transaction
          .insertInto('files')
          .values({
            workspace_id: identity.workspaceId,
            name,
            purpose,
            content_kind: contentKind,
            lines,
            bytes: stored.bytes,
            blob: stored.sha256,
            source,
            dataset_id: dataset?.id ?? null,
            created_by: identity.userId,
            expires_at: expiresAt,
          })
          .returningAll()
          .executeTakeFirstOrThrow();
      });
      return orConflict(insertion, 'The default project was deleted during the upload');
    },

    /** @throws AtelierError `not_found` */
    async get(identity: Pick<Identity, 'workspaceId'>, id: string): Promise<PlatformFile> {
      const file = isUuid(id) ? await ofWorkspace(identity).where('id', '=', id).executeTakeFirst() : undefined;
      if (!file) throw new AtelierError('not_found', { kind: 'File' });
      return file;
    },

    /** A page of the workspace's files, newest first unless asked otherwise, and how many there are. */
    async page(identity: Identity, filter: FileFilter, { offset = 0, after, limit, oldestFirst = false }: Page) {
      if (after !== undefined) await this.get(identity, after);
      const matching = ofWorkspace(identity).where((file) => file.and(conditions(file, filter)));
      const direction = oldestFirst ? 'asc' : 'desc';
      const [files, { total }] = await Promise.all([
        matching
          .$if(after !== undefined, (query) => query.where(afterRow('files', after!, oldestFirst)))
          .orderBy('created_at', direction)
          .orderBy('id', direction)
          .offset(offset)
          .limit(limit)
          .execute(),
        matching
          .clearSelect()
          .select(({ fn }) => fn.countAll<number>().as('total'))
          .executeTakeFirstOrThrow(),
      ]);
      return { files, total };
    },

    /** Its data set goes with it. @throws AtelierError `not_found`; `conflict` while a job uses it */
    async remove(identity: Identity, id: string): Promise<void> {
      const file = await this.get(identity, id);
      const removal = database.transaction().execute(async (transaction) => {
        await transaction.deleteFrom('files').where('id', '=', file.id).execute();
        if (file.dataset_id !== null)
          await transaction.deleteFrom('datasets').where('id', '=', file.dataset_id).execute();
      });
      await orConflict(removal, 'A job uses this file: delete the job first');
    },

    /** Its bytes. */
    read: (file: Pick<PlatformFile, 'blob'>): Readable => blobs.read(file.blob),

    /** The bytes of what was taken in but is no file yet. */
    readStored: ({ stored }: TakenIn): Readable => blobs.read(stored.sha256),
  };
}

export type NewFile = {
  name: string;
  purpose: string;
  contentKind: string | null;
  source?: PlatformFile['source'];
  expiresAt?: Date | null;
};

function conditions(file: ExpressionBuilder<Tables, 'files'>, { purposes, contentKinds, sources, search }: FileFilter) {
  return [
    ...(purposes === undefined ? [] : [file('purpose', '=', file.fn.any(file.val(purposes)))]),
    ...(contentKinds === undefined ? [] : [file('content_kind', '=', file.fn.any(file.val(contentKinds)))]),
    ...(sources === undefined ? [] : [file('source', '=', file.fn.any(file.val(sources)))]),
    ...(search === undefined ? [] : [sql<boolean>`position(lower(${search}) in lower(name)) > 0`]),
  ];
}
