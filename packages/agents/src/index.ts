export type { Agent, AgentTool, BuiltInTool, FunctionTool, ResponseFormat, Settings, ToolChoice } from './agent.ts';
export type { Entry, EntryKind, InputEntry, MadeEntry, ResultEntry } from './entry.ts';
export { chatMessages } from './chat-messages.ts';
export { offeredTools, type ServerTool } from './offered-tools.ts';
export { runTurn, type Generate, type TurnEvent, type TurnParts, type TurnUsage } from './run-turn.ts';
