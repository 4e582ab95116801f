import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { emptySchema } from '../schemas/empty.ts';
import { errorResponses } from '../schemas/errors.ts';
import { projectParams } from '../schemas/project-params.ts';

export const deleteProject: Operation = (app, { projects }) => {
  app.delete(
    '/v1/projects/:project_id',
    {
      schema: {
        operationId: 'deleteProjectById',
        tags: ['Projects'],
        summary: 'Delete project',
        description: 'Removes all that is in it. Refused while a training job or a deployment in it is active.',
        params: projectParams,
        response: { 204: emptySchema, ...errorResponses },
      },
    },
    async (request, reply) => {
      await projects.remove(identityOf(request), request.params.project_id);
      return reply.code(204).send(null);
    },
  );
};
