import { z } from 'zod';
import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { dryRunSchema, jobCreateQuery, jobCreateSchema, jobSchema } from '../schemas/fine-tuning.ts';
import { filesOf, newFineTuningJob, refuseUnsupported } from '../translate/create-fine-tuning-job.ts';
import { wireDryRun, wireJob } from '../translate/fine-tuning-job.ts';

export const createFineTuningJob: Operation = (app, { models, files, projects, trainingJobs, estimateJob }) => {
  app.post(
    '/v1/fine_tuning/jobs',
    {
      schema: {
        operationId: 'jobs_api_routes_fine_tuning_create_fine_tuning_job',
        tags: ['fine-tuning'],
        summary: 'Create a fine-tuning job',
        querystring: jobCreateQuery,
        body: jobCreateSchema,
        response: { 200: z.union([jobSchema, dryRunSchema]), ...errorResponses },
      },
    },
    async (request) => {
      const identity = identityOf(request);
      refuseUnsupported(request.body);
      const model = await models.get(identity, request.body.model);
      const named = await Promise.all(filesOf(request.body).map((id) => files.get(identity, id)));
      const job = newFineTuningJob(request.body, model, (id) => named.find((file) => file.id === id)!);
      if (request.query.dry_run) return wireDryRun(await estimateJob(identity, job));
      const project = await projects.default(identity);
      const made = await trainingJobs.create(identity, project.id, job);
      return wireJob(made, (await trainingJobs.reports([made])).get(made.id));
    },
  );
};
