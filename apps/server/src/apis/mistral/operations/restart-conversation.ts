import { identityOf } from '../../../http/identity.ts';
import { requestSignal } from '../../../http/request-signal.ts';
import { answerTurn } from '../answer-turn.ts';
import type { Operation } from '../operation.ts';
import { conversationResponses } from '../schemas/conversation-responses.ts';
import { conversationParams, restartSchema } from '../schemas/conversations.ts';
import { turnRequest } from '../translate/conversation.ts';

export const restartConversation: Operation = (app, { conversations }) => {
  app.post(
    '/v1/conversations/:conversation_id/restart',
    {
      schema: {
        operationId: 'agents_api_v1_conversations_restart',
        tags: ['beta.conversations'],
        summary: 'Begin a new conversation at an entry of another',
        params: conversationParams,
        body: restartSchema,
        response: conversationResponses,
      },
    },
    async (request, reply) => {
      const { body, params } = request;
      const turn = await conversations.restart(
        identityOf(request),
        params.conversation_id,
        body.from_entry_id,
        turnRequest(body),
        requestSignal(request),
      );
      return answerTurn(turn, body.stream, reply);
    },
  );
};
