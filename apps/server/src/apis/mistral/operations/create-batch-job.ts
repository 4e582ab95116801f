import { AtelierError } from '@atelier/errors';
import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { batchCreateSchema, batchSchema } from '../schemas/batches.ts';
import { errorResponses } from '../schemas/errors.ts';
import { wireBatch } from '../translate/batch.ts';

const HOUR_SECONDS = 3600;

export const createBatchJob: Operation = (app, { agents, batches, models }) => {
  app.post(
    '/v1/batch/jobs',
    {
      schema: {
        operationId: 'jobs_api_routes_batch_create_batch_job',
        tags: ['batch'],
        summary: 'Create a batch job',
        body: batchCreateSchema,
        response: { 200: batchSchema, ...errorResponses },
      },
    },
    async (request) => {
      const identity = identityOf(request);
      const { input_files, endpoint, model, agent_id, metadata, timeout_hours } = request.body;
      if ((model ?? undefined) === undefined && !agent_id)
        throw new AtelierError('invalid_request', { reason: 'Give a model or an agent_id' });
      if (model) await models.get(identity, model);
      if (agent_id) {
        await agents.get(identity, agent_id);
        if (endpoint !== '/v1/chat/completions')
          throw new AtelierError('invalid_request', { reason: `An agent does not answer ${endpoint}` });
      }
      return wireBatch(
        await batches.create(identity, {
          api: 'mistral',
          endpoint,
          model: model ?? '',
          parameters: agent_id ? { agent_id } : {},
          metadata: metadata ?? {},
          inputFileIds: input_files,
          timeoutSeconds: timeout_hours * HOUR_SECONDS,
        }),
      );
    },
  );
};
