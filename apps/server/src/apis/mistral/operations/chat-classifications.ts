import { identityOf } from '../../../http/identity.ts';
import { requestSignal } from '../../../http/request-signal.ts';
import type { Operation } from '../operation.ts';
import { chatClassificationRequestSchema, classificationResponseSchema } from '../schemas/classifications.ts';
import { errorResponses } from '../schemas/errors.ts';
import { chatMessages } from '../translate/chat-messages.ts';
import { classification } from '../translate/classification.ts';

export const chatClassifications: Operation = (app, { inference, models }) => {
  app.post(
    '/v1/chat/classifications',
    {
      schema: {
        operationId: 'chat_classifications_v1_chat_classifications_post',
        tags: ['classifiers'],
        summary: 'Classes of conversations, by a fine-tuned classifier',
        body: chatClassificationRequestSchema,
        response: { 200: classificationResponseSchema, ...errorResponses },
      },
    },
    async (request) => {
      const { model, input } = request.body;
      const identity = identityOf(request);
      const { name } = await models.serve(identity, model);
      const inputs = [input]
        .flat()
        .map(({ messages }) => ({ kind: 'chat' as const, messages: chatMessages(messages) }));
      return classification(name, await inference.classifyWith(identity, model, { inputs }, requestSignal(request)));
    },
  );
};
