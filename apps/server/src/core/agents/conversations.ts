/** Conversations of a workspace: started, gone on with, begun again at an earlier entry, read. */
import {
  type Agent,
  type AgentTool,
  type Entry,
  type InputEntry,
  type ResultEntry,
  runTurn,
  type Settings,
  type TurnEvent,
} from '@atelier/agents';
import { AtelierError } from '@atelier/errors';
import type { Database } from '../../storage/database/database.ts';
import type { Row } from '../../storage/database/tables.ts';
import type { Identity } from '../access/access.ts';
import type { Inference } from '../inference/inference.ts';
import { isAgentId } from '../is-id.ts';
import type { Models } from '../models/models.ts';
import { newAgentId } from '../new-id.ts';
import { acting, type Agents } from './agents.ts';
import { builtInTools, checkTools } from './built-in-tools.ts';
import { appendTurn, insertConversation, type NewConversationRow, readEntries, underWay } from './entries.ts';
import { generateFor } from './generate.ts';

export type Conversation = Row<'conversations'>;
export type Conversations = ReturnType<typeof createConversations>;

/** Who answers: an agent, or a model with what it has to know. */
export type Subject = { agentId: string } | { model: string; instructions: string | null; tools: AgentTool[] };

type Inputs = { role: 'user' | 'assistant'; content: string } | { callId: string; result: string };

export type TurnRequest = {
  inputs: readonly Inputs[];
  /** Of this turn; they go before the conversation's and the agents'. */
  overrides: Settings;
  handoffs: 'client' | 'server';
  /** False: nothing of this turn is kept. */
  store: boolean;
};

export type NewConversation = Subject & { name: string | null; description: string | null; settings: Settings };

/** Nothing is done before the first event is asked for; what a turn gave is kept before its last event, or not at all. */
export type RunningTurn = { conversationId: string; events: AsyncGenerator<TurnEvent, void, void> };

/** What a conversation's row says of who answers. */
type Subjects = Pick<Conversation, 'agent_id' | 'model' | 'instructions' | 'tools' | 'settings'>;

type Parts = { database: Database; agents: Agents; models: Pick<Models, 'get' | 'serve'>; inference: Inference };

export function createConversations({ database, agents, models, inference }: Parts) {
  /** Turns that this process is in the middle of. One of another process is found out when it is to be written. */
  const running = new Map<string, AbortSignal>();

  const ofWorkspace = (identity: Identity) =>
    database.selectFrom('conversations').selectAll().where('workspace_id', '=', identity.workspaceId);

  async function find(identity: Identity, id: string): Promise<Conversation> {
    const found = isAgentId('conv', id)
      ? await ofWorkspace(identity).where('id', '=', id).executeTakeFirst()
      : undefined;
    if (!found) throw new AtelierError('not_found', { kind: 'Conversation' });
    return found;
  }

  async function agent(identity: Identity, id: string, overrides: Settings): Promise<Agent> {
    return acting(await agents.get(identity, id), overrides);
  }

  /** Who answers next: whom the conversation was last handed over to, or whom it was started with. */
  async function answering(
    identity: Identity,
    { agent_id, model, instructions, tools, settings }: Subjects,
    history: readonly Entry[],
    overrides: Settings,
  ): Promise<Agent> {
    const handoff = history.findLast((entry) => entry.kind === 'handoff');
    if (handoff) return agent(identity, handoff.nextAgentId, { ...forAll(settings), ...overrides });
    if (agent_id !== null) return agent(identity, agent_id, { ...settings, ...overrides });
    return {
      id: null,
      name: '',
      description: null,
      model: model!,
      instructions,
      tools,
      settings: { ...settings, ...overrides },
      handoffs: [],
    };
  }

  async function* run(
    identity: Identity,
    conversation: Subjects,
    history: readonly Entry[],
    { inputs, overrides, handoffs, store }: TurnRequest,
    keep: (entries: readonly Entry[]) => Promise<void>,
    signal: AbortSignal,
  ): AsyncGenerator<TurnEvent, void, void> {
    const given = inputEntries(inputs);
    /** Entries tell whose words they are by the model's own name, whatever the agent calls it. */
    const known = async (who: Agent): Promise<Agent> => ({
      ...who,
      model: (await models.serve(identity, who.model)).name,
    });
    const turn = {
      agent: await known(await answering(identity, conversation, history, overrides)),
      entries: [...history, ...given],
      handoffs,
    };
    const parts = {
      generate: generateFor(inference, identity),
      agent: async (id: string) => known(await agent(identity, id, forAll({ ...conversation.settings, ...overrides }))),
      tools: builtInTools,
    };
    const made: Entry[] = [];
    for await (const event of runTurn(parts, turn, signal)) {
      if (event.type === 'end') made.push(event.entry);
      if (event.type === 'done' && store) await keep([...given, ...made]);
      yield event;
    }
  }

  return {
    get: find,

    /** A page of the workspace's conversations, newest first. */
    async page(identity: Identity, { offset, limit }: { offset: number; limit: number }): Promise<Conversation[]> {
      return ofWorkspace(identity)
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .offset(offset)
        .limit(limit)
        .execute();
    },

    /** Everything that was said, in order. @throws AtelierError `not_found` */
    async entries(identity: Identity, id: string): Promise<Entry[]> {
      return readEntries(database, (await find(identity, id)).id);
    },

    /** @throws AtelierError `unknown_model`, `invalid_request` for tools; its events throw `not_found` for the agent */
    async start(
      identity: Identity,
      conversation: NewConversation,
      request: TurnRequest,
      signal: AbortSignal,
    ): Promise<RunningTurn> {
      const row = newRow(identity, conversation);
      checkTools(row.tools);
      if (row.model !== null) await models.get(identity, row.model);
      const keep = (entries: readonly Entry[]) => insertConversation(database, row, entries);
      return { conversationId: row.id, events: run(identity, row, [], request, keep, signal) };
    },

    /** Its events throw AtelierError `not_found`, and `conflict` while another turn is under way. */
    append(identity: Identity, id: string, request: TurnRequest, signal: AbortSignal): RunningTurn {
      const leave = () => void (running.get(id) === signal && running.delete(id));
      async function* alone(): AsyncGenerator<TurnEvent, void, void> {
        await find(identity, id);
        // One whose caller has left may never be asked to end.
        if (running.get(id)?.aborted === false) throw underWay();
        running.set(id, signal);
        try {
          const conversation = await find(identity, id);
          const history = await readEntries(database, id);
          const keep = (entries: readonly Entry[]) => appendTurn(database, conversation, history.length, entries);
          for await (const event of run(identity, conversation, history, request, keep, signal)) {
            if (event.type === 'done') leave(); // before a caller knows that it may go on
            yield event;
          }
        } finally {
          leave();
        }
      }
      return { conversationId: id, events: alone() };
    },

    /**
     * A new conversation that begins with another's entries up to one of them, that one included.
     * @throws AtelierError `not_found` for the conversation or the entry
     */
    async restart(
      identity: Identity,
      id: string,
      entryId: string,
      request: TurnRequest,
      signal: AbortSignal,
    ): Promise<RunningTurn> {
      const { agent_id, model, name, description, instructions, tools, settings } = await find(identity, id);
      const all = await readEntries(database, id);
      const last = all.findIndex((entry) => entry.id === entryId);
      if (last < 0) throw new AtelierError('not_found', { kind: 'Entry of the conversation' });
      const history = all.slice(0, last + 1);
      const subject: Subject = agent_id === null ? { model: model!, instructions, tools } : { agentId: agent_id };
      const row = newRow(identity, { ...subject, name, description, settings });
      const keep = (entries: readonly Entry[]) => insertConversation(database, row, [...history, ...entries]);
      return { conversationId: row.id, events: run(identity, row, history, request, keep, signal) };
    },
  };
}

/** Settings that hold for whoever answers: a choice is about the tools of one agent. */
function forAll(settings: Settings): Settings {
  const { toolChoice: _, ...shared } = settings;
  return shared;
}

function newRow(identity: Identity, { name, description, settings, ...subject }: NewConversation): NewConversationRow {
  return {
    id: newAgentId('conv'),
    workspace_id: identity.workspaceId,
    created_by: identity.userId,
    name,
    description,
    settings,
    ...('agentId' in subject
      ? { agent_id: subject.agentId, model: null, instructions: null, tools: [] as AgentTool[] }
      : { agent_id: null, ...subject }),
  };
}

function inputEntries(inputs: readonly Inputs[]): (InputEntry | ResultEntry)[] {
  return inputs.map((input) => {
    const now = new Date();
    const common = { createdAt: now, completedAt: now };
    return 'role' in input
      ? { kind: 'input', id: newAgentId('msg'), ...common, ...input }
      : { kind: 'result', id: newAgentId('fc'), ...common, ...input };
  });
}
