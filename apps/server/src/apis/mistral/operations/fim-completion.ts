import { answerCompletion } from '../answer-completion.ts';
import type { Operation } from '../operation.ts';
import { completionResponses, fimRequestSchema } from '../schemas/completions.ts';
import { fimGeneration } from '../translate/generation.ts';

export const fimCompletion: Operation = (app, services) => {
  app.post(
    '/v1/fim/completions',
    {
      schema: {
        operationId: 'fim_completion_v1_fim_completions_post',
        tags: ['fim'],
        summary: 'Fill in the middle',
        body: fimRequestSchema,
        response: completionResponses,
      },
    },
    async (request, reply) => {
      const { model, stream } = request.body;
      return answerCompletion(services, { model, stream, generation: fimGeneration(request.body) }, request, reply);
    },
  );
};
