import type { Row } from '../../storage/database/tables.ts';

export type Batch = Row<'batches'> & { input_file_ids: string[] };

/** One request of a batch, in the platform's words. `body` is what the endpoint gets. */
export type BatchRequest = { customId: string; endpoint: string; body: unknown };

/** What an endpoint answered. */
export type BatchAnswer = { status: number; body: unknown };

/** What an API says of its batches: how a line reads and how its answer is written. Wire shapes stay in the API. */
export type BatchApi = {
  /** @throws AtelierError for a line that is no request; its message stands in the error file. */
  readLine: (line: string, batch: Batch) => BatchRequest;
  /** One JSON object; `customId` is null where the line had none. */
  writeAnswer: (customId: string | null, answer: BatchAnswer) => unknown;
  /** What stands for an error that the endpoint had no part in. */
  errorAnswer: (error: Error) => BatchAnswer;
  /** What went wrong, in few words, for a count of equal ones. */
  messageOf: (answer: BatchAnswer) => string;
};

/** Sends a request to an endpoint of an API, on behalf of the workspace and user of the batch. */
export type Dispatch = (
  batch: Pick<Batch, 'api' | 'workspace_id' | 'created_by'>,
  request: Pick<BatchRequest, 'endpoint' | 'body'>,
  signal: AbortSignal,
) => Promise<BatchAnswer & { retryAfterSeconds: number | null }>;
