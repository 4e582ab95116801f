/**
 * What users name by URL is fetched here and nowhere else. A name is resolved once, every address it has is checked, and
 * the connection goes to a checked address; each redirect is a new URL that is checked the same way.
 */
import { lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { AtelierError, isAtelierError } from '@atelier/errors';
import { Agent, request } from 'undici';
import { isPublicAddress } from './public-address.ts';

export type Fetched = { content: Buffer; contentType: string };
export type FetchUrl = (url: string, limitBytes: number, signal: AbortSignal) => Promise<Fetched>;

const timeoutMs = 30_000;
const mostRedirects = 5;
const longestUrl = 8192;
const refuse = (reason: string): AtelierError => new AtelierError('url_refused', { reason });
const notPublic = 'its host is not on the public internet';

/** `allowedHosts`: `host` or `host:port` that the operator lets users reach although they are not public. */
export function createFetchUrl(allowedHosts: readonly string[]): FetchUrl & AsyncDisposable {
  const allowed = new Set(allowedHosts.map((host) => host.toLowerCase()));
  const isAllowed = ({ hostname, host }: URL) => allowed.has(hostname.toLowerCase()) || allowed.has(host.toLowerCase());
  const limits = { connectTimeout: timeoutMs, headersTimeout: timeoutMs, bodyTimeout: timeoutMs, maxResponseSize: -1 };
  const open = new Agent(limits);
  const filtered = new Agent({ ...limits, connect: { lookup: publicLookup } });

  async function fetchOne(url: URL, limit: number, signal: AbortSignal): Promise<Fetched | URL> {
    const free = isAllowed(url);
    const host = url.hostname.replace(/^\[|\]$/g, '');
    if (!free && isIP(host) !== 0 && !isPublicAddress(host)) throw refuse(notPublic);
    const response = await request(url, {
      dispatcher: free ? open : filtered,
      signal,
      headers: { 'user-agent': 'atelier', accept: '*/*' },
    });
    const { statusCode, headers, body } = response;
    const location = headers['location'];
    if (statusCode >= 300 && statusCode < 400 && typeof location === 'string') {
      await body.dump();
      return new URL(location, url);
    }
    if (statusCode !== 200) {
      await body.dump();
      throw refuse(`its server answered ${statusCode}`);
    }
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of body) {
      bytes += (chunk as Buffer).length;
      if (bytes > limit) throw refuse(`it has more than ${limit} bytes`); // leaving the loop ends the connection
      chunks.push(chunk as Buffer);
    }
    const contentType = headers['content-type'];
    return { content: Buffer.concat(chunks), contentType: typeof contentType === 'string' ? contentType : '' };
  }

  async function fetchUrl(text: string, limitBytes: number, signal: AbortSignal): Promise<Fetched> {
    if (text.startsWith('data:')) return readDataUrl(text, limitBytes);
    const stop = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    let url = parseUrl(text);
    try {
      for (let redirects = 0; redirects <= mostRedirects; redirects++) {
        const answer = await fetchOne(url, limitBytes, stop);
        if (!(answer instanceof URL)) return answer;
        url = parseUrl(answer.href);
      }
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (isAtelierError(error)) throw error;
      const cause = (error as { cause?: unknown }).cause;
      if (isAtelierError(cause)) throw cause;
      throw new AtelierError('url_refused', { reason: 'its server cannot be reached' }, error);
    }
    throw refuse(`it redirects more than ${mostRedirects} times`);
  }

  return Object.assign(fetchUrl, {
    [Symbol.asyncDispose]: async () => void (await Promise.all([open.destroy(), filtered.destroy()])),
  });
}

function parseUrl(text: string): URL {
  const url = text.length > longestUrl ? null : URL.parse(text);
  if (!url) throw refuse('it is no URL');
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw refuse('only http, https and data are fetched');
  if (url.username !== '' || url.password !== '') throw refuse('it must not carry a user name or password');
  return url;
}

/** Answers only when every address of the name is public, so that no second look can find another one. */
const publicLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error, '', 0);
    if (addresses.length === 0 || !addresses.every(({ address }) => isPublicAddress(address)))
      return callback(refuse(notPublic), '', 0);
    if (options.all === true) return callback(null, addresses);
    callback(null, addresses[0]!.address, addresses[0]!.family);
  });
};

const dataUrl = /^data:([\w.+/-]*)((?:;[\w.+=-]+)*?)(;base64)?,/;

function readDataUrl(text: string, limitBytes: number): Fetched {
  const head = dataUrl.exec(text.slice(0, 500));
  if (!head) throw refuse('the data is not in the form of RFC 2397');
  const body = text.slice(head[0].length);
  if (body.length > 4 * limitBytes) throw refuse(`it has more than ${limitBytes} bytes`);
  let content: Buffer;
  try {
    content = head[3] === undefined ? Buffer.from(decodeURIComponent(body)) : Buffer.from(body, 'base64');
  } catch {
    throw refuse('the data is not in the form of RFC 2397');
  }
  if (content.length > limitBytes) throw refuse(`it has more than ${limitBytes} bytes`);
  return { content, contentType: head[1]! };
}
