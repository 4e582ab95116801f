import { identityOf } from '../../../http/identity.ts';
import { requestSignal } from '../../../http/request-signal.ts';
import { answerTurn } from '../answer-turn.ts';
import type { Operation } from '../operation.ts';
import { conversationResponses } from '../schemas/conversation-responses.ts';
import { appendSchema, conversationParams } from '../schemas/conversations.ts';
import { turnRequest } from '../translate/conversation.ts';

export const appendConversation: Operation = (app, { conversations }) => {
  app.post(
    '/v1/conversations/:conversation_id',
    {
      schema: {
        operationId: 'agents_api_v1_conversations_append',
        tags: ['beta.conversations'],
        summary: 'Append entries to a conversation',
        params: conversationParams,
        body: appendSchema,
        response: conversationResponses,
      },
    },
    async (request, reply) => {
      const { body, params } = request;
      const turn = conversations.append(
        identityOf(request),
        params.conversation_id,
        turnRequest(body),
        requestSignal(request),
      );
      return answerTurn(turn, body.stream, reply);
    },
  );
};
