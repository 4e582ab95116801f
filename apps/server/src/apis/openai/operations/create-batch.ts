import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { batchCreateSchema, batchSchema } from '../schemas/batches.ts';
import { errorResponses } from '../schemas/errors.ts';
import { wireBatch } from '../translate/batch.ts';
import { uuidOf } from '../translate/ids.ts';

const DAY_SECONDS = 86_400;

export const createBatch: Operation = (app, { batches }) => {
  app.post(
    '/v1/batches',
    {
      schema: {
        operationId: 'createBatch',
        tags: ['Batch'],
        summary: 'Create a batch',
        body: batchCreateSchema,
        response: { 200: batchSchema, ...errorResponses },
      },
    },
    async (request) => {
      const { input_file_id, endpoint, metadata } = request.body;
      return wireBatch(
        await batches.create(identityOf(request), {
          api: 'openai',
          endpoint,
          model: '', // each line says its own
          metadata: metadata ?? {},
          inputFileIds: [uuidOf('file', input_file_id)],
          timeoutSeconds: DAY_SECONDS,
        }),
      );
    },
  );
};
