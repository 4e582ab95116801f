import { AtelierError } from '@atelier/errors';
import type { Database } from '../../storage/database/database.ts';
import type { Row } from '../../storage/database/tables.ts';
import type { Identity } from '../access/access.ts';
import { isId } from '../is-id.ts';

export type Project = Row<'projects'>;

/** @throws AtelierError `not_found`, also for a project of another workspace. */
export async function requireProject(database: Database, identity: Identity, id: string): Promise<Project> {
  const project = isId('ms', id)
    ? await database
        .selectFrom('projects')
        .selectAll()
        .where('id', '=', id)
        .where('workspace_id', '=', identity.workspaceId)
        .executeTakeFirst()
    : undefined;
  if (!project) throw new AtelierError('not_found', { kind: 'Project' });
  return project;
}
