import { identityOf } from '../../../http/identity.ts';
import { requestSignal } from '../../../http/request-signal.ts';
import type { Operation } from '../operation.ts';
import { deploymentParams } from '../schemas/deployments.ts';
import { errorResponses } from '../schemas/errors.ts';
import { classificationRequestSchema, classificationResponseSchema } from '../schemas/inference.ts';
import { answerId } from '../translate/answer.ts';
import { classification } from '../translate/classification.ts';

export const getClassification: Operation = (app, { inference }) => {
  app.post(
    '/v1/projects/:project_id/deployments/:deployment_id/classification',
    {
      schema: {
        operationId: 'getClassificationFromDeployment',
        tags: ['Inference'],
        summary: 'Classification',
        description: 'From deployments of classification and regression jobs; others refuse it.',
        params: deploymentParams,
        body: classificationRequestSchema,
        response: { 200: classificationResponseSchema, ...errorResponses },
      },
    },
    async (request) => {
      const { project_id: projectId, deployment_id: deploymentId } = request.params;
      const scores = await inference.classify(
        identityOf(request),
        { projectId, deploymentId, input: request.body.input },
        requestSignal(request),
      );
      return { id: answerId('classification'), ...classification(scores) };
    },
  );
};
