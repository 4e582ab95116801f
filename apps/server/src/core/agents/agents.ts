/** Agents of a workspace, by versions. */
import type { Agent, AgentTool, Settings } from '@atelier/agents';
import { AtelierError } from '@atelier/errors';
import { sql } from 'kysely';
import type { Database } from '../../storage/database/database.ts';
import type { Identity } from '../access/access.ts';
import { isAgentId } from '../is-id.ts';
import type { Models } from '../models/models.ts';
import { newAgentId } from '../new-id.ts';
import { checkTools } from './built-in-tools.ts';

export type Agents = ReturnType<typeof createAgents>;

/** What a version of an agent says. */
export type AgentDefinition = {
  name: string;
  description: string | null;
  model: string;
  instructions: string | null;
  tools: AgentTool[];
  settings: Settings;
  handoffs: string[];
};

export type StoredAgent = AgentDefinition & {
  id: string;
  version: number;
  /** Every version that there is. */
  versions: number[];
  created_at: Date;
  updated_at: Date;
};

export function createAgents({ database, models }: { database: Database; models: Pick<Models, 'get'> }) {
  const ofWorkspace = (identity: Pick<Identity, 'workspaceId'>, from = database) =>
    from
      .selectFrom('agents')
      .innerJoin('agent_versions', (join) =>
        join.onRef('agent_versions.agent_id', '=', 'agents.id').onRef('agent_versions.version', '=', 'agents.version'),
      )
      .select(['agents.id', 'agents.version', 'agents.created_at', 'agents.updated_at'])
      .select(['name', 'description', 'model', 'instructions', 'tools', 'settings', 'handoffs'])
      .select(
        sql<
          number[]
        >`(select json_agg(v.version order by v.version) from agent_versions v where v.agent_id = agents.id)`.as(
          'versions',
        ),
      )
      .where('workspace_id', '=', identity.workspaceId);

  async function find(identity: Identity, id: string, from = database): Promise<StoredAgent> {
    const found = isAgentId('ag', id)
      ? await ofWorkspace(identity, from).where('agents.id', '=', id).executeTakeFirst()
      : undefined;
    if (!found) throw new AtelierError('not_found', { kind: 'Agent' });
    return found;
  }

  /** @throws AtelierError `unknown_model`, `invalid_request` */
  async function check(identity: Identity, id: string | null, { model, tools, handoffs }: AgentDefinition) {
    await models.get(identity, model);
    checkTools(tools);
    const others = handoffs.filter((other) => other !== id && isAgentId('ag', other));
    const known = others.length === 0 ? [] : await ofWorkspace(identity).where('agents.id', 'in', others).execute();
    const missing = handoffs.findIndex((other) => !known.some((agent) => agent.id === other));
    if (missing >= 0)
      throw new AtelierError('invalid_request', { reason: `handoffs.${missing}: there is no such other agent` });
    if (new Set(handoffs).size < handoffs.length)
      throw new AtelierError('invalid_request', { reason: 'handoffs: two are the same' });
  }

  async function addVersion(from: Database, id: string, version: number, definition: AgentDefinition) {
    const { tools, settings, handoffs, ...rest } = definition;
    await from
      .insertInto('agent_versions')
      .values({
        agent_id: id,
        version,
        ...rest,
        tools: JSON.stringify(tools),
        settings: JSON.stringify(settings),
        handoffs: JSON.stringify(handoffs),
      })
      .execute();
  }

  return {
    /** The version that counts. @throws AtelierError `not_found` */
    get: (identity: Identity, id: string): Promise<StoredAgent> => find(identity, id),

    /** @throws AtelierError `unknown_model`; `invalid_request` for tools or handoffs that there are not */
    async create(identity: Identity, definition: AgentDefinition): Promise<StoredAgent> {
      await check(identity, null, definition);
      const id = newAgentId('ag');
      await database.transaction().execute(async (transaction) => {
        await transaction
          .insertInto('agents')
          .values({ id, workspace_id: identity.workspaceId, version: 0, created_by: identity.userId })
          .execute();
        await addVersion(transaction, id, 0, definition);
      });
      return find(identity, id);
    },

    /** A page of the workspace's agents, newest first. */
    async page(identity: Identity, { offset, limit }: { offset: number; limit: number }): Promise<StoredAgent[]> {
      return ofWorkspace(identity)
        .orderBy('agents.created_at', 'desc')
        .orderBy('agents.id', 'desc')
        .offset(offset)
        .limit(limit)
        .execute();
    },

    /** A new version, which counts from now on. @throws AtelierError `not_found`, and what `create` throws */
    async update(identity: Identity, id: string, change: Partial<AgentDefinition>): Promise<StoredAgent> {
      const before = definitionOf(await find(identity, id));
      await check(identity, id, { ...before, ...change });
      await database.transaction().execute(async (transaction) => {
        // Changes at the same time come one after the other, each on top of the one before.
        await transaction.selectFrom('agents').select('id').where('id', '=', id).forUpdate().execute();
        const { versions, ...current } = await find(identity, id, transaction);
        const version = versions.at(-1)! + 1;
        await addVersion(transaction, id, version, { ...definitionOf({ ...current, versions }), ...change });
        await transaction
          .updateTable('agents')
          .set({ version, updated_at: sql<Date>`now()` })
          .where('id', '=', id)
          .execute();
      });
      return find(identity, id);
    },

    /** Lets another version count. @throws AtelierError `not_found` */
    async switchVersion(identity: Identity, id: string, version: number): Promise<StoredAgent> {
      const { versions } = await find(identity, id);
      if (!versions.includes(version)) throw new AtelierError('not_found', { kind: 'Version of the agent' });
      await database
        .updateTable('agents')
        .set({ version, updated_at: sql<Date>`now()` })
        .where('id', '=', id)
        .execute();
      return find(identity, id);
    },
  };
}

function definitionOf({
  name,
  description,
  model,
  instructions,
  tools,
  settings,
  handoffs,
}: StoredAgent): AgentDefinition {
  return { name, description, model, instructions, tools, settings, handoffs };
}

/** What answers in a turn. `overrides` go before the agent's own settings. */
export function acting(agent: StoredAgent, overrides: Settings): Agent {
  return { ...agent, settings: { ...agent.settings, ...overrides } };
}
