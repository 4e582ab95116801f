import type { Database } from '../../storage/database/database.ts';
import type { Identity } from '../access/access.ts';
import { newId } from '../new-id.ts';
import type { Project } from './require-project.ts';

/** The workspace's project for what comes through APIs that know none; made when it is first needed. */
export async function defaultProject(database: Database, identity: Identity): Promise<Project> {
  const find = () =>
    database
      .selectFrom('projects')
      .selectAll()
      .where('workspace_id', '=', identity.workspaceId)
      .where('is_default', '=', true);
  const known = await find().executeTakeFirst();
  if (known) return known;
  await database
    .insertInto('projects')
    .values({
      id: newId('ms'),
      workspace_id: identity.workspaceId,
      name: 'Default',
      is_default: true,
      created_by: identity.userId,
    })
    .onConflict((conflict) => conflict.column('workspace_id').where('is_default', '=', true).doNothing())
    .execute();
  return find().executeTakeFirstOrThrow();
}
