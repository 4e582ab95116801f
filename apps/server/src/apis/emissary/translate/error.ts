import type { AtelierError } from '@atelier/errors';
import type { z } from 'zod';
import type { RenderError } from '../../../http/error-handler.ts';
import type { errorSchema } from '../schemas/errors.ts';

/** Emissary's own code for anything that is not there; other errors carry the catalogue's. */
const notFoundCode = 'object_not_found';

/** The published description knows no 409: what is in use, or has ended, is an invalid request there. */
const statusOf = (error: AtelierError): number => (error.code === 'conflict' ? 400 : error.status);

export const renderError: RenderError = (error) => {
  const status = statusOf(error);
  const code = error.code === 'not_found' ? notFoundCode : error.code;
  return { status, body: { status, error: error.message, code } satisfies z.infer<typeof errorSchema> };
};
