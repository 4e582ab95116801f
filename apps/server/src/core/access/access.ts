/** Who may call: workspaces, their users, and the keys that speak for a user. */
import { timingSafeEqual } from 'node:crypto';
import { AtelierError } from '@atelier/errors';
import { sql } from 'kysely';
import type { Database } from '../../storage/database/database.ts';
import { Known } from '../known.ts';
import { newId } from '../new-id.ts';
import { hashApiKey, newApiKey } from './api-key.ts';

/** Whom a request speaks for. Every query is scoped by `workspaceId`. */
export type Identity = {
  workspaceId: string;
  userId: string;
  keyId: string;
  /** Ends what is done on its behalf; only for work that this process does by itself. */
  signal?: AbortSignal;
};

export type Access = ReturnType<typeof createAccess>;

/** The workspace and user of every first start; their ids are fixed so that replicas agree on them. */
const firstWorkspace = { id: 'ws-default', name: 'Default' };
const administrator = { id: 'user-admin', workspace_id: firstWorkspace.id, name: 'Administrator' };
const ADMIN_KEY_NAME = 'admin';

export function createAccess(database: Database) {
  /** Keys of this process alone, by themselves. */
  const lent = new Map<string, Identity>();
  const known = new Known<Identity | null>();

  /** Whom the key with this hash speaks for. */
  async function lookUp(hash: Buffer): Promise<Identity | null> {
    const row = await database
      .selectFrom('api_keys')
      .select([
        'id',
        'user_id',
        'workspace_id',
        'hash',
        sql<boolean>`coalesce(last_used_at < now() - interval '1 minute', true)`.as('stale'),
      ])
      .where('hash', '=', hash)
      .where('revoked_at', 'is', null)
      .executeTakeFirst();
    if (!row || !timingSafeEqual(row.hash, hash)) return null;
    // To the minute: a write on every request would cost more than the answer is worth.
    if (row.stale)
      await database
        .updateTable('api_keys')
        .set({ last_used_at: sql<Date>`now()` })
        .where('id', '=', row.id)
        .execute();
    return { workspaceId: row.workspace_id, userId: row.user_id, keyId: row.id };
  }

  return {
    /** A key for what this process does on behalf of `identity`, until it is disposed of; no other process knows it. */
    lend(identity: Identity): Disposable & { key: string } {
      const key = newApiKey();
      lent.set(key, identity);
      return { key, [Symbol.dispose]: () => void lent.delete(key) };
    },

    /**
     * Whom `key` speaks for; null when it is unknown or revoked. A key that another server revokes may be taken for a
     * second more.
     */
    async authenticate(key: string): Promise<Identity | null> {
      const borrower = lent.get(key);
      if (borrower) return borrower;
      const hash = hashApiKey(key);
      return hash && known.get(hash.toString('base64'), () => lookUp(hash));
    },

    /** A new key for `identity`'s own user and workspace, never for another. Its text is returned here and nowhere again. */
    async createKey(identity: Identity, name: string): Promise<{ id: string; key: string }> {
      const key = newApiKey();
      const id = newId('key');
      await database
        .insertInto('api_keys')
        .values({ id, workspace_id: identity.workspaceId, user_id: identity.userId, hash: hashApiKey(key)!, name })
        .execute();
      return { id, key };
    },

    /** @throws AtelierError `not_found`, also for a key of another workspace. */
    async revokeKey(identity: Identity, id: string): Promise<void> {
      const done = await database
        .updateTable('api_keys')
        .set({ revoked_at: sql<Date>`coalesce(revoked_at, now())` })
        .where('id', '=', id)
        .where('workspace_id', '=', identity.workspaceId)
        .executeTakeFirst();
      known.forget();
      if (done.numUpdatedRows === 0n) throw new AtelierError('not_found', { kind: 'API key' });
    },

    /** Sees to it that the first workspace and its administrator exist and that `adminKey`, and no earlier one, is his key. */
    async ensureAdministrator(adminKey: string): Promise<void> {
      const hash = hashApiKey(adminKey);
      if (hash === null)
        throw new AtelierError('invalid_setting', {
          name: 'ATELIER_ADMIN_KEY',
          reason: 'must have 16 to 200 characters',
        });
      await database.transaction().execute(async (transaction) => {
        await transaction
          .insertInto('workspaces')
          .values(firstWorkspace)
          .onConflict((conflict) => conflict.doNothing())
          .execute();
        await transaction
          .insertInto('users')
          .values(administrator)
          .onConflict((conflict) => conflict.doNothing())
          .execute();
        await transaction
          .updateTable('api_keys')
          .set({ revoked_at: sql<Date>`now()` })
          .where('user_id', '=', administrator.id)
          .where('name', '=', ADMIN_KEY_NAME)
          .where('hash', '!=', hash)
          .where('revoked_at', 'is', null)
          .execute();
        await transaction
          .insertInto('api_keys')
          .values({
            id: newId('key'),
            workspace_id: firstWorkspace.id,
            user_id: administrator.id,
            hash,
            name: ADMIN_KEY_NAME,
          })
          .onConflict((conflict) => conflict.column('hash').doUpdateSet({ revoked_at: null }))
          .execute();
      });
      known.forget();
    },
  };
}
