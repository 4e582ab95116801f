/**
 * A conversation seen as a model meets it: before each assistant message stands a prompt, which ends with the generation
 * prompt, and the model continues it. Training and inference both cut a conversation here, so that a prompt is made of
 * the same tokens in both.
 */
import type { Conversation } from '../chat-template/template-input.ts';
import type { ChatMessage } from '../records/message.ts';

/** An assistant message: the rendered text `before` it, with the generation prompt, and `through` its end. */
export type Turn = { readonly before: string; readonly through: string };

type Messages = { readonly messages: readonly ChatMessage[]; readonly tools?: readonly unknown[] | undefined };

/** What to render for the turns of a conversation: two texts for each assistant message, in order. */
export function turnConversations({ messages, tools }: Messages): Conversation[] {
  return messages.flatMap((message, at) =>
    message.role === 'assistant'
      ? [
          { messages: messages.slice(0, at), tools, addGenerationPrompt: true },
          { messages: messages.slice(0, at + 1), tools, addGenerationPrompt: false },
        ]
      : [],
  );
}

/** Pairs what was rendered for `turnConversations`. */
export function turnsOf(rendered: readonly string[]): Turn[] {
  const turns: Turn[] = [];
  for (let i = 0; i + 1 < rendered.length; i += 2) turns.push({ before: rendered[i]!, through: rendered[i + 1]! });
  return turns;
}

/**
 * The text before a reply, cut where earlier assistant messages begin and end; in one piece when the template prints
 * earlier messages differently as the conversation grows (some leave out earlier reasoning).
 */
export function promptPieces(history: readonly Turn[], prompt: string): string[] {
  const pieces: string[] = [];
  let end = '';
  for (const { before, through } of [...history, { before: prompt, through: prompt }]) {
    if (!before.startsWith(end) || !through.startsWith(before)) return [prompt];
    pieces.push(before.slice(end.length), through.slice(before.length));
    end = through;
  }
  return pieces.filter((piece) => piece !== '');
}
