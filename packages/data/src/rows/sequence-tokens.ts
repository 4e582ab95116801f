/** The tokens of a text or conversation that is judged or embedded as a whole, the same in training and serving. */
import type { Conversation } from '../chat-template/template-input.ts';
import { chatPromptTokens, chatTemplateOf, type Prompt, type PromptModel } from './prompt-tokens.ts';

/**
 * A text between the tokens that the vocabulary puts around a sequence, or a conversation as the chat template prints it,
 * with no generation prompt. What goes beyond `limit` tokens is cut off at the end; the token that ends a text stays.
 * Fails with `template_failed`. An empty text gives no more than the tokens around it, which may be none.
 */
export async function sequenceTokens(
  model: PromptModel,
  input: Prompt,
  limit: number,
  signal?: AbortSignal,
): Promise<Int32Array> {
  const [result] = await manySequenceTokens(model, [input], limit, signal);
  return result!;
}

/** The same for many, in order: their conversations are rendered together. */
export async function manySequenceTokens(
  model: PromptModel,
  inputs: readonly Prompt[],
  limit: number,
  signal?: AbortSignal,
): Promise<Int32Array[]> {
  const conversations = inputs.flatMap((input): Conversation[] =>
    input.kind === 'chat' ? [{ messages: input.messages, tools: input.tools, addGenerationPrompt: false }] : [],
  );
  const rendered =
    conversations.length === 0 ? [] : await model.renderer.renderMany(chatTemplateOf(model), conversations, signal);
  let at = 0;
  return inputs.map((input) => {
    if (input.kind === 'raw') return Int32Array.from(textTokens(model, input.text, limit));
    const text = rendered[at++]!;
    if (typeof text !== 'string') throw text;
    return Int32Array.from(chatPromptTokens(model, [text]).slice(0, limit));
  });
}

function textTokens({ tokenizer }: PromptModel, text: string, limit: number): number[] {
  const { before, after } = tokenizer.around;
  const tokens = [...before, ...tokenizer.encode(text, { parseSpecial: false })];
  return [...tokens.slice(0, limit - after.length), ...after];
}
