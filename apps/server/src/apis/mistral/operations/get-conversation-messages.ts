import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { conversationMessagesSchema, conversationParams } from '../schemas/conversations.ts';
import { errorResponses } from '../schemas/errors.ts';
import { wireEntry } from '../translate/entry.ts';

export const getConversationMessages: Operation = (app, { conversations }) => {
  app.get(
    '/v1/conversations/:conversation_id/messages',
    {
      schema: {
        operationId: 'agents_api_v1_conversations_messages',
        tags: ['beta.conversations'],
        summary: 'The messages of a conversation, in order',
        params: conversationParams,
        response: { 200: conversationMessagesSchema, ...errorResponses },
      },
    },
    async (request) => {
      const { conversation_id } = request.params;
      const entries = await conversations.entries(identityOf(request), conversation_id);
      const messages = entries
        .filter((entry) => entry.kind === 'input' || entry.kind === 'output')
        .map((entry) => wireEntry(entry));
      return { object: 'conversation.messages' as const, conversation_id, messages };
    },
  );
};
