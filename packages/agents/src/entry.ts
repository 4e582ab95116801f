/** What a conversation consists of, in the order in which it came about. */

type Common = { id: string; createdAt: Date; completedAt: Date | null };

/** What the caller said, or says that the assistant said. */
export type InputEntry = Common & { kind: 'input'; role: 'user' | 'assistant'; content: string };

/** What a model answered. */
export type OutputEntry = Common & { kind: 'output'; agentId: string | null; model: string; content: string };

/** A model calls a function of the caller's; `arguments` is JSON text as the model wrote it. */
export type CallEntry = Common & { kind: 'call'; callId: string; name: string; arguments: string };

/** What the caller's function gave. */
export type ResultEntry = Common & { kind: 'result'; callId: string; result: string };

/** A tool that ran here: what it was given, what the model got to read, and what readers of the conversation see. */
export type ExecutionEntry = Common & {
  kind: 'execution';
  callId: string;
  name: string;
  arguments: string;
  result: string;
  info: Record<string, unknown>;
};

/** A conversation goes on with another agent; `name` is that of the tool that a model calls for it. */
export type HandoffEntry = Common & {
  kind: 'handoff';
  callId: string;
  name: string;
  previousAgentId: string;
  previousAgentName: string;
  nextAgentId: string;
  nextAgentName: string;
};

export type Entry = InputEntry | OutputEntry | CallEntry | ResultEntry | ExecutionEntry | HandoffEntry;
export type EntryKind = Entry['kind'];

/** Those that a turn makes. */
export type MadeEntry = Exclude<Entry, InputEntry | ResultEntry>;
