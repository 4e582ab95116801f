/** Requests to hosts that the operator has named in the settings; what users name goes through fetch-url.ts. */

const timeoutMs = 20_000;
const largestAnswer = 4 << 20;

/** The other side's answer that was none; `final`: the same request will not be answered better later. */
export class RefusedRequest extends Error {
  readonly status: number;

  /** The message names no more than host and status: an answer may quote a secret. */
  constructor(host: string, status: number) {
    super(`${host} answered ${status}`);
    this.status = status;
  }

  get final(): boolean {
    return this.status >= 400 && this.status < 500 && ![408, 409, 425, 429].includes(this.status);
  }
}

/** Sends JSON (GET without `body`) and returns the JSON of the answer, {} when there is none. Redirects are not followed. Throws RefusedRequest, or an error without an answer. */
export async function requestJson(
  url: string,
  { authorization, body }: { authorization: string | undefined; body?: unknown },
  signal: AbortSignal,
): Promise<unknown> {
  const response = await fetch(url, {
    method: body === undefined ? 'GET' : 'POST',
    redirect: 'manual',
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    headers: {
      'user-agent': 'atelier',
      ...(authorization !== undefined && { authorization }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += (chunk as Uint8Array).length;
    if (bytes > largestAnswer) throw new RefusedRequest(new URL(url).host, 502);
    chunks.push(chunk as Uint8Array);
  }
  if (!response.ok) throw new RefusedRequest(new URL(url).host, response.status);
  const text = Buffer.concat(chunks).toString();
  try {
    return text.trim() === '' ? {} : JSON.parse(text);
  } catch {
    throw new RefusedRequest(new URL(url).host, 502);
  }
}
