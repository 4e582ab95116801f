/** A hub, as far as pulls go: a model's commit, its files, and the files themselves, large ones by a redirect to another origin. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

export const commit = 'c0ffee'.padEnd(40, '0');
/** Files above this many bytes are in LFS. */
const lfsFrom = 2000;

export type HubDouble = AsyncDisposable & {
  endpoint: string;
  /** Of files: which, from where on, and with which credential, at the hub and at the store of large files. */
  asked: { at: 'hub' | 'store'; path: string; range: string | undefined; authorization: string | undefined }[];
  files: Map<string, Buffer>;
  /** Refuses requests without it. */
  token?: string;
  /** Ends the next answers of the store after so many bytes. */
  cutAfter: number[];
  /** Between pieces of 1,000 bytes. */
  slowMs: number;
  /** Breaks connections off without an answer. */
  away: boolean;
  /** What the list says of a file, where it is not the truth. */
  lies: Map<string, string>;
};

export async function hubDouble(files: Record<string, Buffer>): Promise<HubDouble> {
  const double: Omit<HubDouble, 'endpoint' | typeof Symbol.asyncDispose> = {
    asked: [],
    files: new Map(Object.entries(files)),
    cutAfter: [],
    slowMs: 0,
    away: false,
    lies: new Map(),
  };
  const store = await listening((request, response) => void fromStore(request, response));
  const hub = await listening(fromHub);

  function fromHub(request: IncomingMessage, response: ServerResponse): void {
    if (double.away) return void request.socket.destroy();
    const url = new URL(request.url!, hub.url);
    const { authorization } = request.headers;
    if (double.token !== undefined && authorization !== `Bearer ${double.token}`)
      return json(response, 401, { error: 'no' });
    if (url.pathname === '/api/models/org/model/revision/main')
      return json(response, 200, { _id: 'x', id: 'org/model', sha: commit, lastModified: new Date(0) });
    if (url.pathname === `/api/models/org/model/tree/${commit}`) return json(response, 200, tree());
    const [, path] = new RegExp(`^/org/model/resolve/${commit}/(.+)$`).exec(decodeURIComponent(url.pathname)) ?? [];
    const content = double.files.get(path ?? '');
    if (!content) return json(response, 404, { error: 'not found' });
    double.asked.push({ at: 'hub', path: path!, range: request.headers.range, authorization });
    if (content.length < lfsFrom) return void response.writeHead(200).end(content);
    response.writeHead(302, { location: `${store.url}/${path}?signed`, 'x-linked-etag': `"${sha256(content)}"` }).end();
  }

  async function fromStore(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { range, authorization } = request.headers;
    const path = new URL(request.url!, store.url).pathname.slice(1);
    double.asked.push({ at: 'store', path, range, authorization });
    const content = double.files.get(path)!;
    const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
    const { length } = content;
    response.writeHead(range ? 206 : 200, {
      'content-length': length - from,
      ...(range && { 'content-range': `bytes ${from}-${length - 1}/${length}` }),
    });
    const cut = double.cutAfter.shift();
    for (let at = from; at < length && !response.destroyed; at += 1000) {
      if (cut !== undefined && at - from >= cut) return void response.destroy();
      response.write(content.subarray(at, at + 1000));
      if (double.slowMs > 0 || cut !== undefined) await pause(Math.max(double.slowMs, 5));
    }
    response.end();
  }

  const tree = () =>
    [...double.files].map(([path, content]) => {
      const oid = createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
      const lfs = { oid: double.lies.get(path) ?? sha256(content), size: content.length, pointerSize: 130 };
      return { type: 'file', path, size: content.length, oid, ...(content.length >= lfsFrom && { lfs }) };
    });

  return Object.assign(double, {
    endpoint: hub.url,
    async [Symbol.asyncDispose]() {
      for (const { server } of [hub, store]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  });
}

const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

async function listening(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ server: Server; url: string }> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}
