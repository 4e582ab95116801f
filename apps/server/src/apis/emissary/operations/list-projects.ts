import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { projectListSchema } from '../schemas/projects.ts';
import { projectSummary } from '../translate/project.ts';

export const listProjects: Operation = (app, { projects }) => {
  app.get(
    '/v1/projects',
    {
      schema: {
        operationId: 'listProjects',
        tags: ['Projects'],
        summary: 'List projects',
        response: { 200: projectListSchema, ...errorResponses },
      },
    },
    async (request) => (await projects.list(identityOf(request))).map(projectSummary),
  );
};
