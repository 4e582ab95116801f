import { AtelierError } from '@atelier/errors';
import type { Files } from '../../../core/files/files.ts';
import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { jobCreateSchema, jobSchema } from '../schemas/fine-tuning.ts';
import { newTrainingJob, wireJob } from '../translate/fine-tuning.ts';
import { uuidOf } from '../translate/ids.ts';

export const createFineTuningJob: Operation = (app, { files, models, projects, trainingJobs }) => {
  app.post(
    '/v1/fine_tuning/jobs',
    {
      schema: {
        operationId: 'createFineTuningJob',
        tags: ['Fine-tuning'],
        summary: 'Create a fine-tuning job',
        body: jobCreateSchema,
        response: { 200: jobSchema, ...errorResponses },
      },
    },
    async (request) => {
      const identity = identityOf(request);
      const { body } = request;
      const model = await models.get(identity, body.model);
      if (model.kind !== 'base') throw new AtelierError('invalid_request', { reason: 'model: has to be a base model' });
      const train = await trainingFile(files, identity, body.training_file, 'training_file');
      const test = body.validation_file
        ? await trainingFile(files, identity, body.validation_file, 'validation_file')
        : undefined;
      const data = { records: train.lines ?? 0, train: train.dataset_id, test: test?.dataset_id };
      const project = await projects.default(identity);
      return wireJob(await trainingJobs.create(identity, project.id, newTrainingJob(body, model, data)));
    },
  );
};

/** @throws AtelierError `invalid_request` naming the field, for a file that is not there or has no training data */
async function trainingFile(files: Files, identity: Parameters<Files['get']>[0], id: string, field: string) {
  const file = await files.get(identity, uuidOf('file', id)).catch(() => undefined);
  if (!file) throw new AtelierError('invalid_request', { reason: `${field}: there is no such file` });
  const { dataset_id, lines } = file;
  if (dataset_id === null)
    throw new AtelierError('invalid_request', { reason: `${field}: was not uploaded with purpose fine-tune` });
  return { dataset_id, lines };
}
