import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { jobListQuery, jobListSchema } from '../schemas/fine-tuning.ts';
import { wireJob } from '../translate/fine-tuning.ts';
import { uuidOf } from '../translate/ids.ts';
import { listPage } from '../translate/list.ts';

/** What this API has words for. */
const tasks = ['generation', 'preference'];

export const listFineTuningJobs: Operation = (app, { trainingJobs }) => {
  app.get(
    '/v1/fine_tuning/jobs',
    {
      schema: {
        operationId: 'listPaginatedFineTuningJobs',
        tags: ['Fine-tuning'],
        summary: 'List fine-tuning jobs',
        querystring: jobListQuery,
        response: { 200: jobListSchema, ...errorResponses },
      },
    },
    async (request) => {
      const identity = identityOf(request);
      const { after, limit, ...rest } = request.query;
      const last = after === undefined ? undefined : await trainingJobs.byUuid(identity, uuidOf('job', after));
      const found = await trainingJobs.page(
        identity,
        { tasks, metadata: metadataOf(rest) },
        { ...(last && { after: last }), limit: limit + 1 },
      );
      return listPage(found.jobs.map(wireJob), limit);
    },
  );
};

/** Keys like `metadata[team]`. */
function metadataOf(query: Record<string, unknown>): Record<string, string> | undefined {
  const pairs = Object.entries(query).flatMap(([key, value]) => {
    const name = /^metadata\[(.{1,64})\]$/.exec(key)?.[1];
    return name === undefined ? [] : [[name, String(value)] as const];
  });
  return pairs.length === 0 ? undefined : Object.fromEntries(pairs);
}
