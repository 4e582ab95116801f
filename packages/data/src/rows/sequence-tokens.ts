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
  return result!.tokens;
}

export type CutTokens = { readonly tokens: Int32Array; readonly isCut: boolean };

/** The same for many, in order: their conversations are rendered together. `isCut` says that one was too long. */
export async function manySequenceTokens(
  model: PromptModel,
  inputs: readonly Prompt[],
  limit: number,
  signal?: AbortSignal,
): Promise<CutTokens[]> {
  const conversations = inputs.flatMap((input): Conversation[] =>
    input.kind === 'chat' ? [{ messages: input.messages, tools: input.tools, addGenerationPrompt: false }] : [],
  );
  const rendered =
    conversations.length === 0 ? [] : await model.renderer.renderMany(chatTemplateOf(model), conversations, signal);
  let at = 0;
  return inputs.map((input) => {
    if (input.kind === 'raw') return textTokens(model, input.text, limit);
    const text = rendered[at++]!;
    if (typeof text !== 'string') throw text;
    return cut(chatPromptTokens(model, [text]), [], limit);
  });
}

function textTokens({ tokenizer }: PromptModel, text: string, limit: number): CutTokens {
  const { before, after } = tokenizer.around;
  return cut([...before, ...tokenizer.encode(text, { parseSpecial: false })], after, limit);
}

function cut(tokens: readonly number[], after: readonly number[], limit: number): CutTokens {
  const room = Math.max(0, limit - after.length);
  return { tokens: Int32Array.from([...tokens.slice(0, room), ...after]), isCut: tokens.length > room };
}
