import type { MultipartFile } from '@fastify/multipart';
import { mistralProfile } from '@atelier/data';
import { AtelierError } from '@atelier/errors';
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Files, TakenIn } from '../../../core/files/files.ts';
import { formParts, nameFrom, wholeFile } from '../../../http/form-parts.ts';
import { identityOf } from '../../../http/identity.ts';
import { requestSignal } from '../../../http/request-signal.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { expirySchema, fileSchema, fileUploadSchema, purposeSchema, visibilitySchema } from '../schemas/files.ts';
import { requirePart, wireFile } from '../translate/file.ts';

type Purpose = z.infer<typeof purposeSchema>;

const HOUR_MS = 3_600_000;

/** The most bad lines that any job may allow (invalid_sample_skip_percentage); each says for itself how many it does. */
const toleratedShare = 0.5;

export const uploadFile: Operation = (app, { files }) => {
  app.post(
    '/v1/files',
    {
      schema: {
        operationId: 'files_api_routes_upload_file',
        tags: ['files'],
        summary: 'Upload a file',
        consumes: ['multipart/form-data'],
        body: fileUploadSchema,
        response: { 200: fileSchema, ...errorResponses },
      },
      // The form is read as it streams in: there is no body that a schema could look at.
      validatorCompiler: () => (value) => ({ value }),
    },
    async (request) => {
      const identity = identityOf(request);
      const { name, purpose, taken, expiresAt } = await readForm(request, files);
      const contentKind = purpose === 'batch' ? 'batch_request' : taken.contentKind;
      return wireFile(await files.create(identity, { name, purpose, contentKind, expiresAt }, taken));
    },
  );
};

/**
 * The purpose may come after the file, so what is no training data by then was only stored; without a purpose it is
 * training data.
 */
async function readForm(request: FastifyRequest, files: Files) {
  let purpose: Purpose | undefined;
  let expiresAt: Date | null = null;
  let name: string | undefined;
  let taken: TakenIn | undefined;
  let asTrainingData = false;
  const signal = requestSignal(request);
  const takeIn = (content: AsyncIterable<Uint8Array>, training: boolean) =>
    training
      ? files.takeInTrainingData(content, mistralProfile, signal, { toleratedShare })
      : files.takeIn(content, signal);
  for await (const part of formParts(request)) {
    if (part.type === 'file' && part.fieldname === 'file') {
      name = nameFrom(part.filename);
      asTrainingData = purpose === 'fine-tune';
      taken = await takeIn(wholeFile((part as MultipartFile).file), asTrainingData);
    } else if (part.type === 'field' && part.fieldname === 'purpose') {
      purpose = parseField('purpose', purposeSchema, part.value);
    } else if (part.type === 'field' && part.fieldname === 'expiry') {
      expiresAt = new Date(Date.now() + parseField('expiry', expirySchema, part.value) * HOUR_MS);
    } else if (part.type === 'field' && part.fieldname === 'visibility') {
      parseField('visibility', visibilitySchema, part.value);
    } else {
      throw new AtelierError('invalid_request', { reason: 'The form has a part that is not known here' });
    }
  }
  const stored = requirePart(taken, 'file');
  const wanted = purpose ?? 'fine-tune';
  if (wanted === 'fine-tune' && !asTrainingData) taken = await takeIn(files.readStored(stored), true);
  return { name: requirePart(name, 'file'), purpose: wanted, taken: taken!, expiresAt };
}

/** @throws AtelierError `invalid_request` */
function parseField<T extends z.ZodType>(name: string, schema: T, value: unknown): z.output<T> {
  const parsed = schema.safeParse(value);
  if (!parsed.success)
    throw new AtelierError('invalid_request', { reason: `${name}: ${parsed.error.issues[0]?.message}` });
  return parsed.data;
}
