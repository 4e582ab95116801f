import { identityOf } from '../../../http/identity.ts';
import { requestSignal } from '../../../http/request-signal.ts';
import type { Operation } from '../operation.ts';
import { deploymentParams } from '../schemas/deployments.ts';
import { errorResponses } from '../schemas/errors.ts';
import { completionRequestSchema, completionResponseSchema } from '../schemas/inference.ts';
import { answerId, wholeText } from '../translate/answer.ts';
import { sampling } from '../translate/sampling.ts';

export const getCompletions: Operation = (app, { inference }) => {
  app.post(
    '/v1/projects/:project_id/deployments/:deployment_id/completions',
    {
      schema: {
        operationId: 'getCompletionsFromDeployment',
        tags: ['Inference'],
        summary: 'Completions',
        params: deploymentParams,
        body: completionRequestSchema,
        response: { 200: completionResponseSchema, ...errorResponses },
      },
    },
    async (request) => {
      const { project_id: projectId, deployment_id: deploymentId } = request.params;
      const { input: prompt, ...fields } = request.body;
      const generation = { projectId, deploymentId, input: { prompt }, ...sampling(fields) };
      return {
        id: answerId('completion'),
        response: await wholeText(inference.generate(identityOf(request), generation, requestSignal(request))),
      };
    },
  );
};
