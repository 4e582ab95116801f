import { encodeRendered } from './encode-rendered.ts';
import { chatPromptTokens, type PromptModel } from './prompt-tokens.ts';
import { RowWriter, type TokenRow } from './token-row.ts';
import { promptPieces, type Turn } from './turns.ts';

/** An assistant message to learn: where it stands, its rendered text, the weight of its loss. */
export type Reply = { readonly turn: Turn; readonly text: string; readonly weight: number };

/**
 * Rows of one conversation: one, where the template prints every message the same way as the conversation grows,
 * otherwise one for each assistant message, so that each reply is learnt after the very prompt it will follow.
 */
export function conversationRows(model: PromptModel, replies: readonly Reply[]): TokenRow[] {
  const rows = growsByAppending(replies)
    ? [wholeRow(model, replies)]
    : replies.map((_, at) => replyRow(model, replies.slice(0, at + 1)));
  return rows.filter((row) => row !== undefined);
}

function growsByAppending(replies: readonly Reply[]): boolean {
  return replies.every(
    ({ turn, text }, at) =>
      turn.before + text === turn.through && (at === 0 || turn.before.startsWith(replies[at - 1]!.turn.through)),
  );
}

function wholeRow(model: PromptModel, replies: readonly Reply[]): TokenRow | undefined {
  let writer: RowWriter | undefined;
  let end = '';
  for (const [at, reply] of replies.entries()) {
    const between = reply.turn.before.slice(end.length);
    if (writer === undefined) writer = new RowWriter(chatPromptTokens(model, [between]));
    else writer.add(encodeRendered(between, model.specialTokens, model.tokenizer, writer.last).tokens, 0);
    addReply(writer, model, reply, at === replies.length - 1);
    end = reply.turn.through;
  }
  return writer?.row();
}

/** A row for the last of the replies. */
function replyRow(model: PromptModel, replies: readonly Reply[]): TokenRow | undefined {
  const reply = replies.at(-1)!;
  const history = replies.slice(0, -1).map(({ turn }) => turn);
  const writer = new RowWriter(chatPromptTokens(model, promptPieces(history, reply.turn.before)));
  addReply(writer, model, reply, true);
  return writer.row();
}

/** The reply through the token that ends it; white space that the template prints after that is given, not learnt. */
function addReply(writer: RowWriter, model: PromptModel, { text, weight }: Reply, last: boolean): void {
  const { tokens, closedAt } = encodeRendered(text, model.specialTokens, model.tokenizer, writer.last);
  if (closedAt !== undefined) {
    writer.add(tokens.slice(0, closedAt), weight).add(tokens.slice(closedAt), 0);
    return;
  }
  writer.add(tokens, weight);
  // A template without a token that ends a reply: the model must learn to stop all the same.
  if (last && model.tokenizer.eosId !== undefined) writer.add([model.tokenizer.eosId], weight);
}
