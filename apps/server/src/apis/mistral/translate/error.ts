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

/** Where fields stand, in the hosted API's words. */
const places: Readonly<Record<string, string>> = { querystring: 'query', params: 'path' };

export const renderError: RenderError = (error, requestId) => {
  const detail = fieldsOf(error);
  const wrongFields = detail.length > 0;
  const word: Word = wrongFields
    ? { status: 422, type: 'invalid_request_error', code: null }
    : (words[error.code] ?? { type: error.code, code: null });
  const body: Body = {
    object: 'error',
    message: wrongFields ? { detail } : error.message,
    type: word.type,
    param: null,
    code: word.code,
    detail,
    ...(requestId !== undefined && { request_id: requestId }),
  };
  return { status: word.status ?? error.status, body };
};

/** What an error's body says, in one line. */
export function messageOf({ message, detail }: Body): string {
  if (typeof message === 'string') return message;
  return detail.map(({ loc, msg }) => `${loc.join('.')}: ${msg}`).join('; ');
}

/** Where the request is wrong, one entry a field; nothing for other errors. */
function fieldsOf(error: AtelierError): Body['detail'] {
  const { cause } = error;
  if (!hasZodFastifySchemaValidationErrors(cause)) return [];
  const context = cause.validationContext ?? 'body';
  return cause.validation.slice(0, 100).flatMap(({ instancePath, message = 'Invalid input', keyword, params }) => {
    const at = [places[context] ?? context, ...instancePath.split('/').filter(Boolean).map(numberOrName)];
    const { keys, origin = '', inclusive = true } = params as { keys?: string[]; origin?: string; inclusive?: boolean };
    if (keyword === 'unrecognized_keys' && keys)
      return keys.map((key) => ({
        loc: [...at, key.slice(0, 200)],
        msg: 'Extra inputs are not permitted',
        type: 'extra_forbidden',
      }));
    if (message.endsWith('received undefined')) return [{ loc: at, msg: 'Field required', type: 'missing' }];
    return [{ loc: at, msg: message, type: limitOf(keyword, origin, inclusive) }];
  });
}

/** How the hosted API names a limit that was passed; other problems have our own names. */
function limitOf(keyword: string, origin: string, inclusive: boolean): string {
  if (keyword !== 'too_big' && keyword !== 'too_small') return keyword;
  const big = keyword === 'too_big';
  if (origin === 'string') return big ? 'string_too_long' : 'string_too_short';
  if (origin === 'array') return big ? 'too_long' : 'too_short';
  return `${big ? 'less' : 'greater'}_than${inclusive ? '_equal' : ''}`;
}

function numberOrName(part: string): string | number {
  return /^\d{1,9}$/.test(part) ? Number(part) : part.slice(0, 200);
}
