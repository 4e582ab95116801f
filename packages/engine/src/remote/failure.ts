/** What can go wrong with a request to another server, and whether the same request may go to a replica. */
import { AtelierError } from '@atelier/errors';

/** Of what the other side says of itself; it may quote the request at length. */
const longestReason = 500;

export class Failure extends Error {
  /** What the caller gets when there is no other way. */
  readonly error: AtelierError;
  /** Nothing was done yet: another replica, or the same a little later, may do it. */
  readonly again: boolean;
  /** The server is not there at all. */
  readonly down: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(error: AtelierError, how: { again?: boolean; down?: boolean; retryAfterMs?: number | undefined } = {}) {
    super(error.message, { cause: error });
    this.error = error;
    this.again = how.again ?? false;
    this.down = how.down ?? false;
    this.retryAfterMs = how.retryAfterMs;
  }
}

/** Of an exchange that failed below HTTP. Messages of the network name addresses, so only its code goes on. */
export function brokenExchange(name: string, error: unknown): Failure {
  if (error instanceof Failure) return error;
  const { code } = ((error as Error).cause ?? error) as { code?: string };
  const reason = code ?? (error as Error).name;
  return new Failure(new AtelierError('remote_unavailable', { name, reason }, error), { again: true, down: true });
}

export function failed(name: string, reason: string, how: { again?: boolean } = {}): Failure {
  return new Failure(new AtelierError('remote_failed', { name, reason: reason.slice(0, longestReason) }), how);
}

/** Of an answer that is none: its status, and the message in its body. */
export async function refusedAnswer(name: string, response: Response): Promise<Failure> {
  const { status } = response;
  const said = messageIn(await startOf(response));
  const retryAfterMs = secondsIn(response.headers.get('retry-after'));
  if (status === 429) {
    const retryAfter = Math.ceil((retryAfterMs ?? 1000) / 1000);
    return new Failure(new AtelierError('too_many_requests', { waiting: `at ${name}`, retryAfter }), {
      again: true,
      retryAfterMs,
    });
  }
  if (status === 502 || status === 503 || status === 504) {
    const error = new AtelierError('remote_unavailable', { name, reason: `HTTP ${status}` });
    return new Failure(error, { again: true, retryAfterMs });
  }
  if (status === 401 || status === 403) return failed(name, `it does not accept the key it was given (HTTP ${status})`);
  if (status === 400 || status === 413 || status === 422)
    return new Failure(new AtelierError('invalid_request', { reason: `${name}: ${said || `HTTP ${status}`}` }));
  return failed(name, said === '' ? `HTTP ${status}` : `HTTP ${status}: ${said}`);
}

const longestRefusal = 16_384;

async function startOf(response: Response): Promise<string> {
  let text = '';
  const decoder = new TextDecoder();
  try {
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      if (text.length > longestRefusal) break;
    }
  } catch {
    // What has come is enough to say what is wrong.
  }
  return text;
}

/** OpenAI's `error.message`, FastAPI's `detail`, or nothing. */
function messageIn(body: string): string {
  try {
    const { error, message, detail } = JSON.parse(body) as Record<string, unknown>;
    const nested = (error as { message?: unknown } | null | undefined)?.message;
    const said = [nested, error, message, detail].find((each) => typeof each === 'string');
    return ((said as string | undefined) ?? '').slice(0, longestReason);
  } catch {
    return '';
  }
}

/** `Retry-After` in milliseconds: a number of seconds, or a date. */
function secondsIn(header: string | null): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d{1,6}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}
