import { isAtelierError } from '@atelier/errors';
import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { jobListQuery, jobListSchema } from '../schemas/fine-tuning.ts';
import { fineTuningTasks, jobsOfStatus, wireJob } from '../translate/fine-tuning-job.ts';

export const listFineTuningJobs: Operation = (app, { models, trainingJobs }) => {
  app.get(
    '/v1/fine_tuning/jobs',
    {
      schema: {
        operationId: 'jobs_api_routes_fine_tuning_get_fine_tuning_jobs',
        tags: ['fine-tuning'],
        summary: 'List fine-tuning jobs',
        querystring: jobListQuery,
        response: { 200: jobListSchema, ...errorResponses },
      },
    },
    async (request) => {
      const identity = identityOf(request);
      const { wandb_project, wandb_name } = request.query;
      const { page, page_size, created_after, created_before, created_by_me, status, suffix } = request.query;
      /** A job knows its model by its own name, whatever it was asked for by. */
      const nameOf = async (model: string) => {
        try {
          return (await models.get(identity, model)).name;
        } catch (error) {
          if (isAtelierError(error) && error.code === 'unknown_model') return model;
          throw error;
        }
      };
      const { jobs, total } = await trainingJobs.page(
        identity,
        {
          tasks: fineTuningTasks,
          model: request.query.model && (await nameOf(request.query.model)),
          createdAfter: created_after,
          createdBefore: created_before,
          createdBy: created_by_me ? identity.userId : undefined,
          suffix,
          ...((wandb_project ?? wandb_name) !== undefined && {
            report: { kind: 'wandb', group: wandb_project, runName: wandb_name },
          }),
          ...(status && jobsOfStatus(status)),
        },
        { offset: page * page_size, limit: page_size },
      );
      const reports = await trainingJobs.reports(jobs);
      return { data: jobs.map((job) => wireJob(job, reports.get(job.id))), object: 'list' as const, total };
    },
  );
};
