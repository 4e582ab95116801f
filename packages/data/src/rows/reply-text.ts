/**
 * What an assistant says after its prompt, as the template prints it. Most templates print a reply right after the
 * generation prompt. Some do not, such as those whose generation prompt opens a thought that they leave out of finished
 * replies; there the reply is the message's own text and what the template prints after such a text, so that it is learnt
 * after the prompt it will have to follow.
 */
import { AtelierError } from '@atelier/errors';
import { breakText } from '../chat-template/special-tokens.ts';
import type { ChatMessage } from '../records/message.ts';
import { chatTemplateOf, type PromptModel } from './prompt-tokens.ts';
import type { Turn } from './turns.ts';

export type ReplyText = (turn: Turn, message: ChatMessage) => Promise<string>;

/** A word that no template prints by itself. */
const placeholder = 'qzjxkvwy';

/** Fails with `template_failed` where a reply cannot be told from its prompt. */
export function createReplyText(model: PromptModel): ReplyText {
  let end: Promise<string | undefined> | undefined;
  return async ({ before, through }, message) => {
    if (through.startsWith(before)) return through.slice(before.length);
    const replyEnd = message.tool_calls === undefined ? await (end ??= endOfReply(model)) : undefined;
    if (replyEnd !== undefined) return breakText(message.content, model.specialTokens) + replyEnd;
    throw new AtelierError('template_failed', {
      reason:
        'what it prints before an assistant message changes with that message, so the reply cannot be told from the prompt',
    });
  };
}

async function endOfReply(model: PromptModel): Promise<string | undefined> {
  const messages: ChatMessage[] = [
    { role: 'user', content: 'question' },
    { role: 'assistant', content: placeholder },
  ];
  const text = await model.renderer.render({ ...chatTemplateOf(model), messages, addGenerationPrompt: false });
  const at = text.lastIndexOf(placeholder);
  return at < 0 ? undefined : text.slice(at + placeholder.length);
}
