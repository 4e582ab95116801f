import type { AtelierError, ErrorCode } from '@atelier/errors';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import type { RenderError } from '../../../http/error-handler.ts';
import type { errorSchema } from '../schemas/errors.ts';

type Body = z.infer<typeof errorSchema>;
type Word = { status?: number; type: string; code: string | null };

/** The hosted API's own words, where it has some. */
const words: Partial<Record<ErrorCode, Word>> = {
  unknown_model: { status: 400, type: 'invalid_model', code: '1500' },
  message_order: { status: 400, type: 'invalid_request_message_order', code: '3230' },
  too_many_requests: { type: 'rate_limited', code: '1300' },
  model_quarantined: { type: 'service_unavailable', code: null },
  runner_crashed: { type: 'service_unavailable', code: null },
  shutting_down: { type: 'service_unavailable', code: null },
};

export const renderError: RenderError = (error) => {
  const detail = fieldsOf(error);
  const wrongFields = detail.length > 0;
  const word: Word = wrongFields
    ? { status: 422, type: 'invalid_request_error', code: null }
    : (words[error.code] ?? { type: error.code, code: null });
  const body: Body = { object: 'error', message: error.message, type: word.type, param: null, code: word.code, detail };
  return { status: word.status ?? error.status, body };
};

/** Where the request is wrong, one entry a field; nothing for other errors. */
function fieldsOf(error: AtelierError): Body['detail'] {
  const { cause } = error;
  if (!hasZodFastifySchemaValidationErrors(cause)) return [];
  const where = cause.validationContext ?? 'body';
  return cause.validation.slice(0, 100).flatMap(({ instancePath, message = 'Invalid input', keyword, params }) => {
    const at = [where, ...instancePath.split('/').filter(Boolean).map(numberOrName)];
    const { keys } = params as { keys?: string[] };
    if (keyword !== 'unrecognized_keys' || !keys) return [{ loc: at, msg: message, type: keyword }];
    return keys.map((key) => ({
      loc: [...at, key.slice(0, 200)],
      msg: 'Extra inputs are not permitted',
      type: 'extra_forbidden',
    }));
  });
}

function numberOrName(part: string): string | number {
  return /^\d{1,9}$/.test(part) ? Number(part) : part.slice(0, 200);
}
