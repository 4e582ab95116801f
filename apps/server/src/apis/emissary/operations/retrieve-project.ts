import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { projectParams } from '../schemas/project-params.ts';
import { projectDetailSchema } from '../schemas/projects.ts';
import { datasetSummary } from '../translate/dataset.ts';
import { deploymentSummary } from '../translate/deployment.ts';
import { projectSummary } from '../translate/project.ts';
import { trainingJobSummary } from '../translate/training-job.ts';

export const retrieveProject: Operation = (app, { projects, datasets, trainingJobs, deployments }) => {
  app.get(
    '/v1/projects/:project_id',
    {
      schema: {
        operationId: 'retrieveProjectById',
        tags: ['Projects'],
        summary: 'Retrieve project',
        params: projectParams,
        response: { 200: projectDetailSchema, ...errorResponses },
      },
    },
    async (request) => {
      const identity = identityOf(request);
      const { project_id } = request.params;
      return {
        ...projectSummary(await projects.get(identity, project_id)),
        datasets: (await datasets.list(identity, project_id)).map(datasetSummary),
        training_jobs: (await trainingJobs.list(identity, project_id)).map(trainingJobSummary),
        deployments: (await deployments.list(identity, project_id)).map(deploymentSummary),
      };
    },
  );
};
