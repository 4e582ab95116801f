import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { conversationParams, historySchema } from '../schemas/conversations.ts';
import { errorResponses } from '../schemas/errors.ts';
import { wireEntry } from '../translate/entry.ts';

export const getConversationHistory: Operation = (app, { conversations }) => {
  app.get(
    '/v1/conversations/:conversation_id/history',
    {
      schema: {
        operationId: 'agents_api_v1_conversations_history',
        tags: ['beta.conversations'],
        summary: 'All entries of a conversation, in order',
        params: conversationParams,
        response: { 200: historySchema, ...errorResponses },
      },
    },
    async (request) => {
      const { conversation_id } = request.params;
      const entries = await conversations.entries(identityOf(request), conversation_id);
      return { object: 'conversation.history' as const, conversation_id, entries: entries.map(wireEntry) };
    },
  );
};
