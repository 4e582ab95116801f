import { AtelierError, isAtelierError } from '@atelier/errors';
import { HubApiError } from '@huggingface/hub';

/** What went wrong between here and the hub, in words for whoever asked for a model. */
export function hubError(error: unknown, endpoint: string, repo: string, signal?: AbortSignal): AtelierError {
  if (isAtelierError(error)) return error as AtelierError;
  if (signal?.aborted) return new AtelierError('cancelled', {}, error);
  if (error instanceof HubApiError) return statusError(error.statusCode, endpoint, repo);
  const { code } = ((error as Error).cause ?? error) as { code?: string };
  if (code === 'ENOSPC') return new AtelierError('storage_full', {}, error);
  return unavailable(endpoint, code ?? (error as Error).name, error);
}

export function statusError(status: number, endpoint: string, repo: string): AtelierError {
  if (status === 401 || status === 403)
    return new AtelierError('hub_refused', { repo, reason: 'it is not there, or it needs a token with access to it' });
  if (status === 404)
    return new AtelierError('hub_refused', { repo, reason: 'there is no such model, revision or file' });
  return unavailable(endpoint, `HTTP ${status}`);
}

function unavailable(endpoint: string, reason: string, cause?: unknown): AtelierError {
  return new AtelierError('hub_unavailable', { host: new URL(endpoint).host, reason }, cause);
}
