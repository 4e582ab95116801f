import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { conversationParams, conversationSchema } from '../schemas/conversations.ts';
import { errorResponses } from '../schemas/errors.ts';
import { wireConversation } from '../translate/conversation.ts';

export const getConversation: Operation = (app, { conversations }) => {
  app.get(
    '/v1/conversations/:conversation_id',
    {
      schema: {
        operationId: 'agents_api_v1_conversations_get',
        tags: ['beta.conversations'],
        summary: 'Retrieve a conversation',
        params: conversationParams,
        response: { 200: conversationSchema, ...errorResponses },
      },
    },
    async (request) => wireConversation(await conversations.get(identityOf(request), request.params.conversation_id)),
  );
};
