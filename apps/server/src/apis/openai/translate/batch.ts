import { randomBytes } from 'node:crypto';
import { AtelierError, isAtelierError } from '@atelier/errors';
import type { z } from 'zod';
import type { Batch, BatchApi } from '../../../core/batches/batch-api.ts';
import type { BatchState } from '../../../storage/database/tables.ts';
import { batchLineSchema, type batchSchema } from '../schemas/batches.ts';
import { renderError } from './error.ts';
import { unixSeconds, wireId } from './ids.ts';

type WireBatch = z.infer<typeof batchSchema>;

const statusOf: Readonly<Record<BatchState, WireBatch['status']>> = {
  queued: 'validating',
  running: 'in_progress',
  saving: 'finalizing',
  succeeded: 'completed',
  failed: 'failed',
  cancelling: 'cancelling',
  cancelled: 'cancelled',
  timed_out: 'expired',
};

/** The field that says when a batch came into the state that it is in. */
const timeOf: Partial<Record<BatchState, 'completed_at' | 'failed_at' | 'cancelled_at' | 'expired_at'>> = {
  succeeded: 'completed_at',
  failed: 'failed_at',
  cancelled: 'cancelled_at',
  timed_out: 'expired_at',
};

export function wireBatch(batch: Batch): WireBatch {
  const { error, state, finished_at: finished } = batch;
  const ended = timeOf[state];
  return {
    id: wireId('batch', batch.id),
    object: 'batch',
    endpoint: batch.endpoint,
    errors: error && {
      object: 'list',
      data: [{ code: error.code, message: error.message, line: null, param: null }],
    },
    input_file_id: wireId('file', batch.input_file_ids[0]!),
    completion_window: '24h',
    status: statusOf[state],
    ...(batch.output_file_id !== null && { output_file_id: wireId('file', batch.output_file_id) }),
    ...(batch.error_file_id !== null && { error_file_id: wireId('file', batch.error_file_id) }),
    created_at: unixSeconds(batch.created_at),
    ...(batch.started_at !== null && { in_progress_at: unixSeconds(batch.started_at) }),
    expires_at: unixSeconds(batch.times_out_at),
    ...(state === 'saving' && { finalizing_at: unixSeconds(batch.updated_at) }),
    ...(state === 'cancelling' && { cancelling_at: unixSeconds(batch.updated_at) }),
    ...(ended && finished && { [ended]: unixSeconds(finished) }),
    request_counts: { total: batch.total, completed: batch.succeeded, failed: batch.failed },
    metadata: batch.metadata,
  };
}

/** How the lines of this API's batches read, and how the answers are written. */
export const openaiBatches: BatchApi = {
  readLine(line, { endpoint }) {
    const { custom_id, url, body } = parseLine(line);
    if (url !== endpoint)
      throw new AtelierError('invalid_request', { reason: `url: has to be the batch's endpoint, ${endpoint}` });
    // The answer of a batch is a file: a line that asks for a stream gets the whole.
    return { customId: custom_id, endpoint: `/openai${endpoint}`, body: { ...body, stream: false } };
  },
  writeAnswer: (customId, { status, body }) => ({
    id: `batch_req_${randomBytes(16).toString('hex')}`,
    custom_id: customId,
    response: { status_code: status, request_id: randomBytes(16).toString('hex'), body },
    error: null,
  }),
  errorAnswer: (error) =>
    renderError(isAtelierError(error) ? (error as AtelierError) : new AtelierError('internal', {}, error)),
  messageOf: ({ body }) => (body as { error?: { message?: string } } | null)?.error?.message ?? 'No answer',
};

/** @throws AtelierError `invalid_request` */
function parseLine(line: string): z.infer<typeof batchLineSchema> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new AtelierError('invalid_request', { reason: 'The line is not valid JSON' }, error);
  }
  const parsed = batchLineSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new AtelierError('invalid_request', { reason: `${issue!.path.join('.') || 'The line'}: ${issue!.message}` });
}
