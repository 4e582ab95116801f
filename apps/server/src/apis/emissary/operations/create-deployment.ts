import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { createDeploymentSchema, deploymentSummarySchema } from '../schemas/deployments.ts';
import { errorResponses } from '../schemas/errors.ts';
import { projectParams } from '../schemas/project-params.ts';
import { deploymentSummary } from '../translate/deployment.ts';

export const createDeployment: Operation = (app, { projects, deployments }) => {
  app.post(
    '/v1/projects/:project_id/deployments',
    {
      schema: {
        operationId: 'createDeployment',
        tags: ['Deployments'],
        summary: 'Create deployment',
        params: projectParams,
        body: createDeploymentSchema,
        response: { 201: deploymentSummarySchema, ...errorResponses },
      },
    },
    async (request, reply) => {
      const identity = identityOf(request);
      const { project_id } = request.params;
      const { name, description, training_job_id, checkpoint, server_type: serverType = 'on-demand' } = request.body;
      await projects.get(identity, project_id);
      const deployment = await deployments.create(identity, project_id, {
        name,
        description,
        trainingJobId: training_job_id,
        checkpoint,
        serverType,
      });
      return reply.code(201).send(deploymentSummary(deployment));
    },
  );
};
