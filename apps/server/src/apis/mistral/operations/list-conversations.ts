import { identityOf } from '../../../http/identity.ts';
import { z } from 'zod';
import type { Operation } from '../operation.ts';
import { conversationListQuery, conversationSchema } from '../schemas/conversations.ts';
import { errorResponses } from '../schemas/errors.ts';
import { wireConversation } from '../translate/conversation.ts';

export const listConversations: Operation = (app, { conversations }) => {
  app.get(
    '/v1/conversations',
    {
      schema: {
        operationId: 'agents_api_v1_conversations_list',
        tags: ['beta.conversations'],
        summary: 'List conversations, newest first',
        querystring: conversationListQuery,
        response: { 200: z.array(conversationSchema), ...errorResponses },
      },
    },
    async (request) => {
      const { page, page_size } = request.query;
      const found = await conversations.page(identityOf(request), { offset: page * page_size, limit: page_size });
      return found.map(wireConversation);
    },
  );
};
