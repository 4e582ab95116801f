/**
 * What a model of the Llama Guard family (3 and 4) answers: `safe`, or `unsafe` and on the next line the numbers of the
 * hazards that it sees, from the MLCommons taxonomy S1 to S14.
 */
import type { ChatMessage } from '@atelier/engine';
import { type Category, type CategoryScores, scoresFrom } from './categories.ts';

/** Which of our categories a hazard falls into; defamation (S5), intellectual property (S8) and elections (S13) into none. */
const hazards: Readonly<Record<string, readonly Category[]>> = {
  S1: ['violence_and_threats'],
  S2: ['dangerous_and_criminal_content'],
  S3: ['sexual', 'dangerous_and_criminal_content'],
  S4: ['sexual', 'dangerous_and_criminal_content'],
  S5: [],
  S6: ['health', 'financial', 'law'],
  S7: ['pii'],
  S8: [],
  S9: ['dangerous_and_criminal_content'],
  S10: ['hate_and_discrimination'],
  S11: ['selfharm'],
  S12: ['sexual'],
  S13: [],
  S14: ['dangerous_and_criminal_content'],
};

/**
 * A conversation as its templates take it: a user's turn first, then an assistant's, and so on. What is no turn of either
 * counts as a user's, except instructions before the last turn, which are nobody's words; turns of one side become one.
 */
export function guardTurns(messages: readonly ChatMessage[]): ChatMessage[] {
  const turns: ChatMessage[] = [];
  for (const [index, message] of messages.entries()) {
    if (message.role === 'system' && index < messages.length - 1) continue;
    const role = message.role === 'assistant' ? 'assistant' : 'user';
    if (turns.length === 0 && role === 'assistant') turns.push({ role: 'user', content: '' });
    const before = turns.at(-1);
    if (before?.role === role) before.content += `\n${message.content}`;
    else turns.push({ role, content: message.content });
  }
  return turns;
}

/** Scores of 0 and 1, undefined when the text is no such answer. */
export function parseVerdict(text: string): CategoryScores | undefined {
  const [verdict = '', ...rest] = text.trim().split(/\s+/);
  if (verdict.toLowerCase() === 'safe') return scoresFrom(() => 0);
  if (verdict.toLowerCase() !== 'unsafe') return undefined;
  const named = rest
    .join(',')
    .toUpperCase()
    .split(/[\s,]+/)
    .filter(Boolean);
  if (named.length === 0 || named.some((hazard) => !Object.hasOwn(hazards, hazard))) return undefined;
  const seen = new Set(named.flatMap((hazard) => hazards[hazard]!));
  return scoresFrom((category) => (seen.has(category) ? 1 : 0));
}
