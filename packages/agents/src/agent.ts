/** What an agent is made of. */

/** How a model is asked. What is absent is the generator's to choose. */
export type Settings = {
  temperature?: number;
  topP?: number;
  /** Tokens of one generation. */
  maxTokens?: number;
  seed?: number;
  stop?: string[];
  presencePenalty?: number;
  frequencyPenalty?: number;
  /** A guess of the answer, which changes nothing in it. */
  prediction?: string;
  responseFormat?: ResponseFormat;
  /** Of the first generation of a turn; the later ones choose for themselves, or a turn would never end. */
  toolChoice?: ToolChoice;
};

/** `any` and `required` are the same: a call there has to be. */
export type ToolChoice = 'auto' | 'none' | 'any' | 'required';

export type ResponseFormat =
  | { type: 'text' | 'json_object' }
  | {
      type: 'json_schema';
      name: string;
      description?: string;
      schema: Record<string, unknown>;
      strict: boolean;
    };

/** A function of the caller's: a call of it ends the turn, and the caller brings the result. */
export type FunctionTool = {
  kind: 'function';
  name: string;
  description: string;
  /** A JSON schema. */
  parameters: Record<string, unknown>;
  strict: boolean;
};

/** A tool that runs where the agent does, by its name; `options` are that tool's own. */
export type BuiltInTool = { kind: 'built-in'; name: string; options: Record<string, unknown> };

export type AgentTool = FunctionTool | BuiltInTool;

/** Whoever answers: an agent, or a model with instructions for one conversation, which has no id. */
export type Agent = {
  id: string | null;
  name: string;
  description: string | null;
  model: string;
  instructions: string | null;
  tools: readonly AgentTool[];
  settings: Settings;
  /** Ids of agents that it may hand a conversation over to. */
  handoffs: readonly string[];
};
