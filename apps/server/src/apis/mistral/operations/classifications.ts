import { identityOf } from '../../../http/identity.ts';
import { requestSignal } from '../../../http/request-signal.ts';
import type { Operation } from '../operation.ts';
import { classificationRequestSchema, classificationResponseSchema } from '../schemas/classifications.ts';
import { errorResponses } from '../schemas/errors.ts';
import { classification } from '../translate/classification.ts';

export const classifications: Operation = (app, { inference, models }) => {
  app.post(
    '/v1/classifications',
    {
      schema: {
        operationId: 'classifications_v1_classifications_post',
        tags: ['classifiers'],
        summary: 'Classes of texts, by a fine-tuned classifier',
        body: classificationRequestSchema,
        response: { 200: classificationResponseSchema, ...errorResponses },
      },
    },
    async (request) => {
      const { model, input } = request.body;
      const identity = identityOf(request);
      const { name } = await models.serve(identity, model);
      const inputs = [input].flat().map((text) => ({ kind: 'text' as const, text }));
      return classification(name, await inference.classifyWith(identity, model, { inputs }, requestSignal(request)));
    },
  );
};
