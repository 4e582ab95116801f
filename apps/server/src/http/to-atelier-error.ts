/** The one place where errors that are not ours become errors of the catalogue. */
import { AtelierError, isAtelierError } from '@atelier/errors';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';

type Foreign = { code?: unknown; statusCode?: unknown; name?: unknown; message?: unknown };

const DISK_FULL = new Set(['ENOSPC', 'EDQUOT', '53100']);
const CLIENT_LEFT = new Set([
  'ECONNRESET',
  'EPIPE',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ERR_HTTP_REQUEST_TIMEOUT',
  'FST_ERR_REQUEST_ABORTED',
]);
const MEDIA_TYPE = new Set([
  'FST_ERR_CTP_INVALID_MEDIA_TYPE',
  'FST_ERR_CTP_INVALID_TYPE',
  'FST_INVALID_MULTIPART_CONTENT_TYPE',
]);

/** `limit`: the size in bytes that an answer of 413 should name. */
export function toAtelierError(error: unknown, limit: number): AtelierError {
  if (isAtelierError(error)) return error as AtelierError;
  if (hasZodFastifySchemaValidationErrors(error)) {
    const where = error.validationContext ?? 'request';
    const reasons = error.validation.map((problem) => describeProblem(where, problem));
    return new AtelierError('invalid_request', { reason: [...new Set(reasons)].slice(0, 10).join('; ') }, error);
  }
  const { code, statusCode, name, message } = (error ?? {}) as Foreign;
  if (typeof code === 'string') {
    if (DISK_FULL.has(code)) return new AtelierError('storage_full', {}, error);
    if (CLIENT_LEFT.has(code)) return new AtelierError('cancelled', {}, error);
    if (MEDIA_TYPE.has(code))
      return new AtelierError(
        'unsupported_media_type',
        { reason: 'The content type of this request is not supported here' },
        error,
      );
  }
  if (name === 'AbortError') return new AtelierError('cancelled', {}, error);
  if (statusCode === 413) return new AtelierError('payload_too_large', { limit }, error);
  if (error instanceof SyntaxError && statusCode === 400)
    return new AtelierError('invalid_request', { reason: 'The body is not valid JSON' }, error);
  // Fastify's own refusals; their messages are fixed texts about the request's form.
  if (
    typeof code === 'string' &&
    code.startsWith('FST_') &&
    typeof statusCode === 'number' &&
    statusCode >= 400 &&
    statusCode < 500
  ) {
    return new AtelierError('invalid_request', { reason: String(message) }, error);
  }
  return new AtelierError('internal', {}, error);
}

type Problem = { keyword: string; instancePath: string; message?: string; params: object };

/** Where and what is wrong, without the value that was sent. */
function describeProblem(where: string, { keyword, instancePath, message, params }: Problem): string {
  const field = [where, ...instancePath.split('/').filter(Boolean)].join('.');
  const { keys } = params as { keys?: string[] };
  if (keyword === 'unrecognized_keys' && keys)
    return `${field}: unknown ${keys.length === 1 ? 'field' : 'fields'} ${keys.slice(0, 10).join(', ').slice(0, 200)}`;
  return `${field}: ${message ?? 'Invalid input'}`;
}
