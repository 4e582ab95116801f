import type { MultipartFile } from '@fastify/multipart';
import { openaiProfile } from '@atelier/data';
import { AtelierError } from '@atelier/errors';
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Files, TakenIn } from '../../../core/files/files.ts';
import { formParts, nameFrom, wholeFile } from '../../../http/form-parts.ts';
import { identityOf } from '../../../http/identity.ts';
import { requestSignal } from '../../../http/request-signal.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { expirySecondsSchema, fileSchema, fileUploadSchema, uploadPurposeSchema } from '../schemas/files.ts';
import { wireFile } from '../translate/file.ts';

type Purpose = z.infer<typeof uploadPurposeSchema>;

export const uploadFile: Operation = (app, { files }) => {
  app.post(
    '/v1/files',
    {
      schema: {
        operationId: 'createFile',
        tags: ['Files'],
        summary: 'Upload a file',
        consumes: ['multipart/form-data'],
        body: fileUploadSchema,
        response: { 200: fileSchema, ...errorResponses },
      },
      // The form is read as it streams in: there is no body that a schema could look at.
      validatorCompiler: () => (value) => ({ value }),
    },
    async (request) => {
      const { name, purpose, taken, expiresAt } = await readForm(request, files);
      const contentKind = purpose === 'batch' ? 'batch_request' : taken.contentKind;
      return wireFile(await files.create(identityOf(request), { name, purpose, contentKind, expiresAt }, taken));
    },
  );
};

/** The purpose may come after the file, so what is no training data by then was only stored. */
async function readForm(request: FastifyRequest, files: Files) {
  let purpose: Purpose | undefined;
  let expiresAt: Date | null = null;
  let name: string | undefined;
  let taken: TakenIn | undefined;
  const signal = requestSignal(request);
  const takeInTrainingData = (content: AsyncIterable<Uint8Array>) =>
    files.takeInTrainingData(content, openaiProfile, signal);
  for await (const part of formParts(request)) {
    if (part.type === 'file') {
      const content = wholeFile((part as MultipartFile).file);
      if (part.fieldname !== 'file') throw invalid('The form has a second file');
      name = nameFrom(part.filename);
      taken = await (purpose === 'fine-tune' ? takeInTrainingData(content) : files.takeIn(content, signal));
    } else if (part.fieldname === 'purpose') {
      purpose = parseField('purpose', uploadPurposeSchema, part.value);
    } else if (part.fieldname === 'expires_after[seconds]') {
      const seconds = parseField('expires_after.seconds', expirySecondsSchema, part.value);
      expiresAt = new Date(Date.now() + seconds * 1000);
    }
  }
  if (name === undefined || taken === undefined) throw invalid('The form has no file');
  if (purpose === undefined) throw invalid('The form has no purpose');
  if (purpose === 'fine-tune' && taken.intake === null) taken = await takeInTrainingData(files.readStored(taken));
  return { name, purpose, taken, expiresAt };
}

function invalid(reason: string): AtelierError {
  return new AtelierError('invalid_request', { reason });
}

/** @throws AtelierError `invalid_request` */
function parseField<T extends z.ZodType>(name: string, schema: T, value: unknown): z.output<T> {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw invalid(`${name}: ${parsed.error.issues[0]?.message}`);
  return parsed.data;
}
