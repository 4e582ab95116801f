import { request as httpRequest, type Agent } from 'node:http';

/** How one generation went, times in milliseconds from the start of the request. */
export type Timing = { tokens: number; first: number; last: number };

/** What a server's stream says in one `data:` line. */
export type Frame = { text: boolean; tokens?: number };

/** Sends a request whose answer is a stream of events and measures when text comes. */
export function streamRequest(
  target: { url: string; headers?: Record<string, string>; agent: Agent },
  body: unknown,
  read: (data: string) => Frame,
): Promise<Timing> {
  const { url, headers = {}, agent } = target;
  const { promise, resolve, reject } = Promise.withResolvers<Timing>();
  const start = performance.now();
  const timing: Timing = { tokens: 0, first: NaN, last: NaN };
  const sent = JSON.stringify(body);
  const request = httpRequest(
    url,
    {
      agent,
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(sent), ...headers },
    },
    (response) => {
      let rest = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop()!;
        for (const line of lines) {
          if (!line.startsWith('data: {')) continue;
          const { text, tokens } = read(line.slice(6));
          if (tokens !== undefined) timing.tokens = tokens;
          if (!text) continue;
          timing.last = performance.now() - start;
          if (Number.isNaN(timing.first)) timing.first = timing.last;
        }
      });
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200 && timing.tokens > 0) resolve(timing);
        else reject(new Error(`${url} answered ${response.statusCode}: ${rest}`));
      });
    },
  );
  request.on('error', (error: NodeJS.ErrnoException) => {
    // llama-server closes a connection after a hundred requests, and this one may be on its way by then.
    if (request.reusedSocket && error.code === 'ECONNRESET' && Number.isNaN(timing.first))
      resolve(streamRequest(target, body, read));
    else reject(error);
  });
  request.end(sent);
  return promise;
}
