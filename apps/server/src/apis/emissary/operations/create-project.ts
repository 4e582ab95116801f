import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { createProjectSchema, projectSummarySchema } from '../schemas/projects.ts';
import { projectSummary } from '../translate/project.ts';

export const createProject: Operation = (app, { projects }) => {
  app.post(
    '/v1/projects',
    {
      schema: {
        operationId: 'createProject',
        tags: ['Projects'],
        summary: 'Create project',
        body: createProjectSchema,
        response: { 201: projectSummarySchema, ...errorResponses },
      },
    },
    async (request, reply) => {
      const project = await projects.create(identityOf(request), { name: request.body?.name });
      return reply.code(201).send(projectSummary(project));
    },
  );
};
