import type { Random } from './random.ts';

/** Training data and held-out tasks share every generator but not one invented name: see names.ts. */
export type Split = 'train' | 'heldOut';

export type Message = { role: 'system' | 'user' | 'assistant' | 'tool'; content: string };

/** OpenAI's shape of a function description, as the chat template takes it. */
export type Tool = {
  type: 'function';
  function: {
    name: string;
    description: string;
    parameters: {
      type: 'object';
      properties: Record<string, { type: string; description?: string }>;
      required: string[];
    };
  };
};

/** The kinds of @atelier/data's DatasetRecord that the corpus uses. */
export type ConversationRecord = { kind: 'conversation'; messages: Message[]; tools?: Tool[] };
export type TextRecord = { kind: 'text'; text: string };
export type FimRecord = { kind: 'fim'; prefix: string; middle: string; suffix: string };
export type CorpusRecord = ConversationRecord | TextRecord | FimRecord;

/** One ability the starter models are trained on. */
export type Skill = {
  name: string;
  /** Part of the corpus's tokens, relative to the other skills. */
  share: number;
  make(random: Random, split: Split): CorpusRecord;
};

/** A conversation of question and answer turns, with an optional system message. */
export function conversation(
  turns: readonly (readonly [question: string, answer: string])[],
  system?: string,
): ConversationRecord {
  const messages: Message[] = system === undefined ? [] : [{ role: 'system', content: system }];
  for (const [question, answer] of turns) {
    messages.push({ role: 'user', content: question }, { role: 'assistant', content: answer });
  }
  return { kind: 'conversation', messages };
}

/** Replaces each `{key}` of a template by its value; a missing key is a mistake in the template. */
export function fill(template: string, values: Record<string, string | number>): string {
  return template.replace(/\{(\w+)\}/g, (_, key: string) => {
    const value = values[key];
    if (value === undefined) throw new Error(`template "${template}" wants ${key}`);
    return String(value);
  });
}

/** First letter in upper case. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Writes `an` before a vowel where a template had `a`. */
export function article(text: string): string {
  return text.replace(/\b([Aa]) (?=[aeiou])/g, '$1n ');
}
