import { randomUUID } from 'node:crypto';
import { AtelierError } from '@atelier/errors';
import type { z } from 'zod';
import type { Batch, BatchApi } from '../../../core/batches/batch-api.ts';
import type { BatchState } from '../../../storage/database/tables.ts';
import { type batchListQuery, batchLineSchema, type batchSchema, type batchStatusSchema } from '../schemas/batches.ts';
import { errorSchema } from '../schemas/errors.ts';
import { messageOf, renderError } from './error.ts';
import { unixSeconds } from './model.ts';

type Status = z.infer<typeof batchStatusSchema>;

const statusOf: Readonly<Record<BatchState, Status>> = {
  queued: 'QUEUED',
  running: 'RUNNING',
  saving: 'RUNNING',
  succeeded: 'SUCCESS',
  failed: 'FAILED',
  cancelling: 'CANCELLATION_REQUESTED',
  cancelled: 'CANCELLED',
  timed_out: 'TIMEOUT_EXCEEDED',
};

export function batchStates(statuses: readonly Status[]): BatchState[] {
  return (Object.keys(statusOf) as BatchState[]).filter((state) => statuses.includes(statusOf[state]));
}

export function wireBatch(batch: Batch): z.infer<typeof batchSchema> {
  const agent = batch.parameters['agent_id'];
  return {
    id: batch.id,
    object: 'batch',
    input_files: batch.input_file_ids,
    metadata: batch.metadata,
    endpoint: batch.endpoint,
    model: batch.model,
    agent_id: typeof agent === 'string' ? agent : null,
    output_file: batch.output_file_id,
    error_file: batch.error_file_id,
    errors: batch.errors,
    status: statusOf[batch.state],
    created_at: unixSeconds(batch.created_at),
    total_requests: batch.total,
    completed_requests: batch.succeeded + batch.failed,
    succeeded_requests: batch.succeeded,
    failed_requests: batch.failed,
    started_at: batch.started_at && unixSeconds(batch.started_at),
    completed_at: batch.finished_at && unixSeconds(batch.finished_at),
  };
}

const knownKeys = new Set([
  'page',
  'page_size',
  'model',
  'metadata',
  'created_after',
  'created_by_me',
  'status',
  'order_by',
]);

/** The metadata that a list asks for: a JSON object, or each of its keys as one of the query. @throws AtelierError `invalid_request` */
export function metadataFilter(query: z.infer<typeof batchListQuery>): Record<string, string> | undefined {
  const pairs = Object.entries(query).filter(([key]) => !knownKeys.has(key));
  const given = Object.fromEntries(pairs.map(([key, value]) => [key, String(value)]));
  if (query.metadata !== undefined) Object.assign(given, parseMetadata(query.metadata));
  return Object.keys(given).length === 0 ? undefined : given;
}

function parseMetadata(text: string): Record<string, string> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, String(each)]));
  } catch {
    // said below
  }
  throw new AtelierError('invalid_request', { reason: 'metadata: must be a JSON object' });
}

/** How the lines of this API's batches read, and how the answers are written. */
export const mistralBatches: BatchApi = {
  readLine(line, batch) {
    const { custom_id, body } = batchLineSchema.parse(parseJson(line));
    const agent = batch.parameters['agent_id'];
    const subject = agent === undefined ? { model: batch.model } : { agent_id: agent };
    return {
      customId: custom_id,
      endpoint: `/mistral${agent === undefined ? batch.endpoint : '/v1/agents/completions'}`,
      // The answer of a batch is a file: a line that asks for a stream gets the whole.
      body: { ...body, ...subject, ...('stream' in body && { stream: false }) },
    };
  },
  writeAnswer: (customId, { status, body }) => ({
    id: `${customId ?? ''}-${randomUUID()}`,
    custom_id: customId,
    response: { status_code: status, body },
    error: null,
  }),
  errorAnswer: (error) => {
    const reason = error.message.startsWith('[') ? 'The line is no object with custom_id and body' : error.message;
    return renderError(new AtelierError('invalid_request', { reason }));
  },
  messageOf: ({ body }) => {
    const error = errorSchema.safeParse(body);
    return error.success ? messageOf(error.data) : 'No answer';
  },
};

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new AtelierError('invalid_request', { reason: 'The line is not valid JSON' }, error);
  }
}
