import { answerCompletion } from '../answer-completion.ts';
import type { Operation } from '../operation.ts';
import { chatRequestSchema, completionResponses } from '../schemas/completions.ts';
import { chatGeneration } from '../translate/generation.ts';

export const chatCompletion: Operation = (app, services) => {
  app.post(
    '/v1/chat/completions',
    {
      schema: {
        operationId: 'chat_completion_v1_chat_completions_post',
        tags: ['chat'],
        summary: 'Chat completion',
        body: chatRequestSchema,
        response: completionResponses,
      },
    },
    async (request, reply) => {
      const { model, stream } = request.body;
      return answerCompletion(services, { model, stream, generation: chatGeneration(request.body) }, request, reply);
    },
  );
};
