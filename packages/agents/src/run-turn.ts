/**
 * A turn: a model answers a conversation, tools that run here are run, other agents are handed over to, until there is an
 * answer or the caller has to do something.
 */
import { randomBytes } from 'node:crypto';
import type { ChatMessage, Tool } from '@atelier/data';
import { AtelierError, isAtelierError } from '@atelier/errors';
import type { Agent, Settings, ToolChoice } from './agent.ts';
import { chatMessages } from './chat-messages.ts';
import type { CallEntry, Entry, ExecutionEntry, HandoffEntry, MadeEntry, OutputEntry } from './entry.ts';
import { type Offered, offeredTools, type ServerTool } from './offered-tools.ts';

export type GenerationRequest = {
  model: string;
  messages: ChatMessage[];
  tools: Tool[];
  toolChoice: ToolChoice;
  parallelToolCalls: boolean;
  settings: Omit<Settings, 'toolChoice'>;
};

export type Generated =
  | { type: 'text' | 'reasoning'; text: string }
  | { type: 'tool_call'; id: string; name: string }
  | { type: 'tool_call'; id: string; arguments: string }
  | { type: 'finish'; usage: { promptTokens: number; completionTokens: number } };

/** One text of a model. Calls of tools come one after the other: the name, then the arguments. */
export type Generate = (request: GenerationRequest, signal: AbortSignal) => AsyncIterable<Generated>;

export type TurnParts = {
  generate: Generate;
  /** Looks up who may be handed over to. */
  agent: (id: string) => Promise<Agent>;
  tools: ReadonlyMap<string, ServerTool>;
};

export type Turn = {
  agent: Agent;
  /** What was said before, with what is to be answered at its end. */
  entries: readonly Entry[];
  /** Whether a handoff ends the turn (`client`), or the next agent answers (`server`). */
  handoffs: 'client' | 'server';
};

/** All generations together; what tools cost, and how often each was run. */
export type TurnUsage = {
  promptTokens: number;
  completionTokens: number;
  toolTokens: number;
  toolRuns: Record<string, number>;
};

/** `index` counts entries of the turn. `delta` is more of an output's content, or of a call's arguments. */
export type TurnEvent =
  | { type: 'begin' | 'end'; index: number; entry: MadeEntry }
  | { type: 'delta'; index: number; entry: OutputEntry | CallEntry; text: string }
  | { type: 'done'; usage: TurnUsage };

/** Tools and handoffs of one turn; the generation after them has to answer. Two agents could hand over for ever. */
const maxSteps = 16;

/** @throws AtelierError `message_order`, `invalid_request`, and what `parts.generate` and `parts.agent` throw */
export async function* runTurn(
  parts: TurnParts,
  turn: Turn,
  signal: AbortSignal,
): AsyncGenerator<TurnEvent, void, void> {
  const entries = [...turn.entries];
  const usage: TurnUsage = { promptTokens: 0, completionTokens: 0, toolTokens: 0, toolRuns: {} };
  let agent = turn.agent;
  let { toolChoice = 'auto' } = agent.settings;
  for (let step = 0; ; step++) {
    const targets = await Promise.all(agent.handoffs.map((id) => parts.agent(id)));
    const offered = offeredTools(agent, targets, parts.tools);
    const events = generateEntries(parts.generate, {
      agent,
      entries,
      first: entries.length - turn.entries.length,
      offered,
      toolChoice: step < maxSteps ? toolChoice : 'none',
      usage,
      signal,
    });
    let waiting: ExecutionEntry | HandoffEntry | undefined;
    for await (const event of events) {
      yield event;
      if (event.type === 'begin' && (event.entry.kind === 'execution' || event.entry.kind === 'handoff'))
        waiting = event.entry;
      if (event.type === 'end') entries.push(event.entry);
    }
    if (!waiting) break;
    const found = offered.get(waiting.name)!;
    const index = entries.length - turn.entries.length;
    if (waiting.kind === 'execution') await execute(waiting, found, usage, signal);
    const done = { ...waiting, completedAt: new Date() };
    entries.push(done);
    yield { type: 'end', index, entry: done };
    if (found.kind !== 'handoff') toolChoice = 'auto';
    else if (turn.handoffs === 'client') break;
    else {
      agent = found.next;
      ({ toolChoice = 'auto' } = agent.settings);
    }
  }
  yield { type: 'done', usage };
}

type Step = {
  agent: Agent;
  entries: readonly Entry[];
  /** The index of its first entry. */
  first: number;
  offered: ReadonlyMap<string, Offered>;
  toolChoice: ToolChoice;
  usage: TurnUsage;
  signal: AbortSignal;
};

/** The entries that one generation makes. One that is to be worked on here begins and does not end. */
async function* generateEntries(generate: Generate, step: Step): AsyncGenerator<TurnEvent, void, void> {
  const { agent, offered, usage } = step;
  const { toolChoice: _, ...settings } = agent.settings;
  let index = step.first;
  let open: MadeEntry | undefined;
  /** White space is a text of its own only when no call follows. */
  let held = '';
  const request: GenerationRequest = {
    model: agent.model,
    messages: chatMessages(agent.instructions, step.entries),
    tools: [...offered.values()].map(({ tool }) => tool),
    toolChoice: step.toolChoice,
    // What runs here is run before anything else is asked for.
    parallelToolCalls: [...offered.values()].every(({ kind }) => kind === 'function'),
    settings,
  };
  const end = (entry: MadeEntry): TurnEvent => ({
    type: 'end',
    index: index++,
    entry: { ...entry, completedAt: new Date() },
  });
  for await (const event of generate(request, step.signal)) {
    if (event.type === 'finish') {
      usage.promptTokens += event.usage.promptTokens;
      usage.completionTokens += event.usage.completionTokens;
    } else if (event.type === 'text') {
      if (open && open.kind !== 'output') continue;
      held += event.text;
      if (!open && held.trim() === '') continue;
      if (!open) yield { type: 'begin', index, entry: (open = newOutput(agent)) };
      open.content += held;
      yield { type: 'delta', index, entry: open, text: held };
      held = '';
    } else if (event.type === 'tool_call' && 'name' in event) {
      if (open) yield end(open);
      open = newCall(agent, event, offered.get(event.name));
      yield { type: 'begin', index, entry: open };
    } else if (event.type === 'tool_call' && open && 'arguments' in open) {
      open.arguments += event.arguments;
      if (open.kind === 'call') yield { type: 'delta', index, entry: open, text: event.arguments };
    }
  }
  if (!open) yield { type: 'begin', index, entry: (open = newOutput(agent)) };
  if (open.kind === 'output' || open.kind === 'call') yield end(open);
}

const idPrefixes = { output: 'msg', call: 'fc', execution: 'tool_exec', handoff: 'handoff' } as const;

function begun<K extends keyof typeof idPrefixes>(kind: K) {
  return {
    kind,
    id: `${idPrefixes[kind]}_${randomBytes(16).toString('hex')}`,
    createdAt: new Date(),
    completedAt: null,
  };
}

function newOutput({ id, model }: Agent): OutputEntry {
  return { ...begun('output'), agentId: id, model, content: '' };
}

/** A name that was not offered is the caller's to judge. */
function newCall(
  agent: Agent,
  { id: callId, name }: { id: string; name: string },
  offered: Offered | undefined,
): CallEntry | ExecutionEntry | HandoffEntry {
  if (offered?.kind === 'built-in') return { ...begun('execution'), callId, name, arguments: '', result: '', info: {} };
  if (offered?.kind !== 'handoff') return { ...begun('call'), callId, name, arguments: '' };
  return {
    ...begun('handoff'),
    callId,
    name,
    previousAgentId: agent.id ?? '',
    previousAgentName: agent.name,
    nextAgentId: offered.next.id ?? '',
    nextAgentName: offered.next.name,
  };
}

/** Runs a tool. That it failed is for the model and for readers to know, and no end of the turn. */
async function execute(entry: ExecutionEntry, offered: Offered, usage: TurnUsage, signal: AbortSignal): Promise<void> {
  if (offered.kind !== 'built-in') throw new AtelierError('internal');
  usage.toolRuns[entry.name] = (usage.toolRuns[entry.name] ?? 0) + 1;
  try {
    const { result, info, tokens } = await offered.run(entry.arguments, signal);
    Object.assign(entry, { result, info });
    usage.toolTokens += tokens;
  } catch (error) {
    signal.throwIfAborted();
    if (!isAtelierError(error)) throw error;
    const { code, message } = error as AtelierError;
    Object.assign(entry, { result: `Error: ${message}`, info: { error: { code, message } } });
  }
}
