/** Answers that are kept, each with what was said before it. What they look like is their API's own affair. */
import { AtelierError } from '@atelier/errors';
import { sql } from 'kysely';
import type { Database } from '../../storage/database/database.ts';
import type { Row } from '../../storage/database/tables.ts';
import type { Identity } from '../access/access.ts';

export type Response = Row<'responses'>;
export type Responses = ReturnType<typeof createResponses>;

/** Answers that one can go back, one from the other. */
const MOST_TURNS = 1000;
/** Ids are the API's; whatever else a client sends in their place must not reach the database. */
const id = /^resp_[0-9a-f]{1,64}$/;

export function createResponses(database: Database) {
  const find = async ({ workspaceId }: Identity, wanted: string): Promise<Response | undefined> =>
    id.test(wanted)
      ? database
          .selectFrom('responses')
          .selectAll()
          .where('workspace_id', '=', workspaceId)
          .where('id', '=', wanted)
          .executeTakeFirst()
      : undefined;

  return {
    async keep(
      { workspaceId }: Identity,
      response: { id: string; previousId: string | null; input: readonly object[]; answer: object },
    ): Promise<void> {
      await database
        .insertInto('responses')
        .values({
          id: response.id,
          workspace_id: workspaceId,
          previous_id: response.previousId,
          input: JSON.stringify(response.input),
          answer: JSON.stringify(response.answer),
        })
        .execute();
    },

    /** @throws AtelierError `not_found` */
    async get(identity: Identity, wanted: string): Promise<Response> {
      const response = await find(identity, wanted);
      if (!response) throw new AtelierError('not_found', { kind: 'Response' });
      return response;
    },

    /** An answer and those that it went on from, oldest first, as far as they are still there. @throws AtelierError `not_found` */
    async chain(identity: Identity, wanted: string): Promise<Pick<Response, 'input' | 'answer'>[]> {
      const last = await this.get(identity, wanted);
      const { rows } = await sql<Pick<Response, 'input' | 'answer'>>`
        with recursive chain (id, previous_id, turns) as (
          select id, previous_id, 1 from responses where id = ${last.id}
          union all
          select r.id, r.previous_id, turns + 1
          from responses r join chain on r.id = chain.previous_id
          where r.workspace_id = ${identity.workspaceId} and turns < ${MOST_TURNS}
        )
        select input, answer from chain join responses using (id) order by turns desc
      `.execute(database);
      return rows;
    },

    /** @throws AtelierError `not_found` */
    async remove(identity: Identity, wanted: string): Promise<void> {
      const response = await this.get(identity, wanted);
      await database.deleteFrom('responses').where('id', '=', response.id).execute();
    },
  };
}
