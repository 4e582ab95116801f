import type { AtelierError, ErrorCode } from '@atelier/errors';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import type { RenderError } from '../../../http/error-handler.ts';
import type { errorSchema } from '../schemas/errors.ts';

type Body = z.infer<typeof errorSchema>['error'];
type Word = { status?: number } & Partial<Omit<Body, 'message'>>;

/** The hosted API's own words, where it has some. */
const words: Partial<Record<ErrorCode, Word>> = {
  invalid_request: { code: null },
  not_found: { code: null },
  unauthorized: { code: 'invalid_api_key' },
  forbidden: { code: 'insufficient_permissions' },
  unknown_model: { code: 'model_not_found', param: 'model' },
  context_overflow: { code: 'context_length_exceeded', param: 'messages' },
  unsupported_schema: { code: 'invalid_json_schema' },
  too_many_requests: { type: 'requests', code: 'rate_limit_exceeded' },
  // Clients take 409 for something that goes by itself, and try again.
  conflict: { status: 400, code: 'conflict' },
};

export const renderError: RenderError = (error) => ({
  status: words[error.code]?.status ?? error.status,
  body: { error: errorBody(error) },
});

export function errorBody(error: AtelierError): Body {
  const {
    type = error.status >= 500 ? 'server_error' : 'invalid_request_error',
    code,
    param,
  } = words[error.code] ?? {};
  return {
    message: error.message,
    type,
    param: param ?? wrongField(error),
    code: code === undefined ? error.code : code,
  };
}

/** The first field that a schema refused, as a path; null for other errors. */
function wrongField({ cause }: AtelierError): string | null {
  if (!hasZodFastifySchemaValidationErrors(cause)) return null;
  const path = cause.validation[0]?.instancePath.split('/').filter(Boolean).join('.').slice(0, 200);
  return path ? path : null;
}
