import { answerCompletion } from '../answer-completion.ts';
import type { Operation } from '../operation.ts';
import { completionSchema, chatRequestSchema } from '../schemas/completions.ts';
import { errorResponses } from '../schemas/errors.ts';
import { chatGeneration } from '../translate/generation.ts';

export const chatCompletion: Operation = (app, services) => {
  app.post(
    '/v1/chat/completions',
    {
      schema: {
        operationId: 'chat_completion_v1_chat_completions_post',
        tags: ['chat'],
        summary: 'Chat completion',
        description: 'With `stream`, server-sent events: chunks as JSON, `[DONE]` after the last.',
        body: chatRequestSchema,
        produces: ['application/json', 'text/event-stream'],
        response: { 200: completionSchema, ...errorResponses },
      },
    },
    async (request, reply) => {
      const { model, stream } = request.body;
      return answerCompletion(services, { model, stream, generation: chatGeneration(request.body) }, request, reply);
    },
  );
};
