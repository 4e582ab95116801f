import { identityOf } from '../../../http/identity.ts';
import { requestSignal } from '../../../http/request-signal.ts';
import type { Operation } from '../operation.ts';
import { deploymentParams } from '../schemas/deployments.ts';
import { errorResponses } from '../schemas/errors.ts';
import { embeddingRequestSchema, embeddingResponseSchema } from '../schemas/inference.ts';
import { answerId } from '../translate/answer.ts';
import { embeddings } from '../translate/embeddings.ts';

export const getEmbeddings: Operation = (app, { inference }) => {
  app.post(
    '/v1/projects/:project_id/deployments/:deployment_id/embeddings',
    {
      schema: {
        operationId: 'getEmbeddingsFromDeployment',
        tags: ['Inference'],
        summary: 'Embeddings',
        description: 'From deployments of embedding jobs; others refuse it. Scores and distances need a target.',
        params: deploymentParams,
        body: embeddingRequestSchema,
        response: { 200: embeddingResponseSchema, ...errorResponses },
      },
    },
    async (request) => {
      const { project_id: projectId, deployment_id: deploymentId } = request.params;
      const { input, target, ...wanted } = request.body;
      const [vector, targetVector] = await inference.embed(
        identityOf(request),
        { projectId, deploymentId, inputs: target === undefined ? [input] : [input, target] },
        requestSignal(request),
      );
      return { id: answerId('embedding'), response: embeddings(vector!, targetVector, wanted) };
    },
  );
};
