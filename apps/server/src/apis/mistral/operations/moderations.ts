import { identityOf } from '../../../http/identity.ts';
import { requestSignal } from '../../../http/request-signal.ts';
import type { Operation } from '../operation.ts';
import { moderationRequestSchema, moderationResponseSchema } from '../schemas/classifications.ts';
import { errorResponses } from '../schemas/errors.ts';
import { moderation as wireModeration } from '../translate/classification.ts';

export const moderations: Operation = (app, { moderation }) => {
  app.post(
    '/v1/moderations',
    {
      schema: {
        operationId: 'moderations_v1_moderations_post',
        tags: ['classifiers'],
        summary: 'What texts fall into that an application may not want',
        body: moderationRequestSchema,
        response: { 200: moderationResponseSchema, ...errorResponses },
      },
    },
    async (request) => {
      const { model, input } = request.body;
      const inputs = [input].flat().map((text) => ({ kind: 'text' as const, text }));
      return wireModeration(model, await moderation.judge(identityOf(request), model, inputs, requestSignal(request)));
    },
  );
};
