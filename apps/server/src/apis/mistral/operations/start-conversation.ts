import { identityOf } from '../../../http/identity.ts';
import { requestSignal } from '../../../http/request-signal.ts';
import { answerTurn } from '../answer-turn.ts';
import type { Operation } from '../operation.ts';
import { conversationResponses } from '../schemas/conversation-responses.ts';
import { startSchema } from '../schemas/conversations.ts';
import { newConversation, turnRequest } from '../translate/conversation.ts';

export const startConversation: Operation = (app, { conversations }) => {
  app.post(
    '/v1/conversations',
    {
      schema: {
        operationId: 'agents_api_v1_conversations_start',
        tags: ['beta.conversations'],
        summary: 'Start a conversation with an agent or a model',
        body: startSchema,
        response: conversationResponses,
      },
    },
    async (request, reply) => {
      const { body } = request;
      const turn = await conversations.start(
        identityOf(request),
        newConversation(body),
        turnRequest(body),
        requestSignal(request),
      );
      return answerTurn(turn, body.stream ?? false, reply);
    },
  );
};
