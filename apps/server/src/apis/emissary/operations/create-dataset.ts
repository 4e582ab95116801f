import type { MultipartFile } from '@fastify/multipart';
import { emissaryProfile } from '@atelier/data';
import { AtelierError } from '@atelier/errors';
import type { FastifyRequest } from 'fastify';
import type { Intake } from '../../../core/datasets/intake.ts';
import { formParts, nameFrom, wholeFile } from '../../../http/form-parts.ts';
import { identityOf } from '../../../http/identity.ts';
import { requestSignal } from '../../../http/request-signal.ts';
import type { Operation } from '../operation.ts';
import { datasetSummarySchema, datasetUploadSchema } from '../schemas/datasets.ts';
import { errorResponses } from '../schemas/errors.ts';
import { projectParams } from '../schemas/project-params.ts';
import { nameSchema } from '../schemas/text.ts';
import { datasetSummary } from '../translate/dataset.ts';

type Form = { intake?: Intake; fileName?: string; name?: string };

export const createDataset: Operation = (app, { datasets }) => {
  app.post(
    '/v1/projects/:project_id/datasets',
    {
      schema: {
        operationId: 'createDataset',
        tags: ['Datasets'],
        summary: 'Upload dataset',
        description:
          'The file is checked and converted while it streams in; the first bad row ends the upload, naming line, field and reason.',
        consumes: ['multipart/form-data'],
        params: projectParams,
        body: datasetUploadSchema,
        response: { 201: datasetSummarySchema, ...errorResponses },
      },
      // The form is read as it streams in: there is no body that a schema could look at.
      validatorCompiler: () => (value) => ({ value }),
    },
    async (request, reply) => {
      const identity = identityOf(request);
      const { project_id } = request.params;
      const takeIn = async ({ filename, file }: MultipartFile) =>
        datasets.takeIn(
          identity,
          project_id,
          { fileName: filename, content: wholeFile(file), profile: emissaryProfile },
          requestSignal(request),
        );
      const { intake, fileName = '', name } = await readForm(request, takeIn);
      if (!intake) throw new AtelierError('invalid_request', { reason: 'The form has no file' });
      const dataset = await datasets.create(identity, project_id, { name: name ?? nameFrom(fileName), intake });
      return reply.code(201).send(datasetSummary(dataset));
    },
  );
};

/** The parts in whatever order they come. */
async function readForm(request: FastifyRequest, takeIn: (part: MultipartFile) => Promise<Intake>): Promise<Form> {
  const form: Form = {};
  for await (const part of formParts(request)) {
    if (part.type === 'file' && part.fieldname === 'file') {
      form.fileName = part.filename;
      form.intake = await takeIn(part);
    } else if (part.type === 'field' && part.fieldname === 'name') {
      form.name = parseName(part.value);
    } else {
      throw new AtelierError('invalid_request', { reason: 'The form has a part that is neither file nor name' });
    }
  }
  return form;
}

function parseName(value: unknown): string {
  const parsed = nameSchema.safeParse(value);
  if (!parsed.success)
    throw new AtelierError('invalid_request', { reason: `name: ${parsed.error.issues[0]?.message}` });
  return parsed.data;
}
