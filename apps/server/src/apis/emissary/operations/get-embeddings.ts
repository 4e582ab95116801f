import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { deploymentParams } from '../schemas/deployments.ts';
import { errorResponses } from '../schemas/errors.ts';
import { embeddingRequestSchema, embeddingResponseSchema } from '../schemas/inference.ts';

export const getEmbeddings: Operation = (app, { inference }) => {
  app.post(
    '/v1/projects/:project_id/deployments/:deployment_id/embeddings',
    {
      schema: {
        operationId: 'getEmbeddingsFromDeployment',
        tags: ['Inference'],
        summary: 'Embeddings',
        description: 'Deployments that generate text, which is all that can be trained yet, refuse this.',
        params: deploymentParams,
        body: embeddingRequestSchema,
        response: { 200: embeddingResponseSchema, ...errorResponses },
      },
    },
    async (request) => {
      const { project_id: projectId, deployment_id: deploymentId } = request.params;
      return inference.refuse(identityOf(request), { projectId, deploymentId }, 'embeddings');
    },
  );
};
