import { identityOf } from '../../../http/identity.ts';
import { requestSignal } from '../../../http/request-signal.ts';
import type { Operation } from '../operation.ts';
import { chatModerationRequestSchema, moderationResponseSchema } from '../schemas/classifications.ts';
import { errorResponses } from '../schemas/errors.ts';
import type { Message } from '../schemas/messages.ts';
import { chatMessages } from '../translate/chat-messages.ts';
import { moderation as wireModeration } from '../translate/classification.ts';

export const chatModerations: Operation = (app, { moderation }) => {
  app.post(
    '/v1/chat/moderations',
    {
      schema: {
        operationId: 'chat_moderations_v1_chat_moderations_post',
        tags: ['classifiers'],
        summary: 'What the last turns of conversations fall into',
        body: chatModerationRequestSchema,
        response: { 200: moderationResponseSchema, ...errorResponses },
      },
    },
    async (request) => {
      const { model, input } = request.body;
      const inputs = conversations(input).map((messages) => ({
        kind: 'chat' as const,
        messages: chatMessages(messages),
      }));
      return wireModeration(model, await moderation.judge(identityOf(request), model, inputs, requestSignal(request)));
    },
  );
};

function conversations(input: Message[] | Message[][]): Message[][] {
  return Array.isArray(input[0]) ? (input as Message[][]) : [input as Message[]];
}
