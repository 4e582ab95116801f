import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { eventListSchema, jobParams, pageQuery } from '../schemas/fine-tuning.ts';
import { wireEvents } from '../translate/fine-tuning.ts';
import { uuidOf } from '../translate/ids.ts';
import { pageOf } from '../translate/list.ts';

/** Steps that are told of: of a longer run, every second, third, ... one. */
const MOST_STEPS = 1000;

export const listFineTuningEvents: Operation = (app, { trainingJobs }) => {
  app.get(
    '/v1/fine_tuning/jobs/:fine_tuning_job_id/events',
    {
      schema: {
        operationId: 'listFineTuningEvents',
        tags: ['Fine-tuning'],
        summary: 'List the events of a fine-tuning job',
        params: jobParams,
        querystring: pageQuery,
        response: { 200: eventListSchema, ...errorResponses },
      },
    },
    async (request) => {
      const job = await trainingJobs.byUuid(identityOf(request), uuidOf('job', request.params.fine_tuning_job_id));
      const [states, steps] = await Promise.all([
        trainingJobs.events(job),
        trainingJobs.steps(job, Math.max(1, Math.ceil((job.total_steps ?? 0) / MOST_STEPS))),
      ]);
      return pageOf(wireEvents(job, states, steps), request.query);
    },
  );
};
