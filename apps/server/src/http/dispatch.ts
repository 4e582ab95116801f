import { IncomingMessage, type OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Access, Identity } from '../core/access/access.ts';

/** `retryAfterSeconds`: when to ask again, where that makes sense. */
export type Dispatched = { status: number; body: unknown; retryAfterSeconds: number | null };

/**
 * Sends a JSON request to a route of this server, in process and on behalf of `identity`: it passes every check that one
 * from outside passes. Once `signal` aborts, the answer is that of a request whose client has left.
 *
 * Not by `app.inject`, which is for tests: it gives each request and response an accessor of its own, hence a hidden class
 * that only a full collection takes away, and everything else of the request with it. A long batch came to 250 MB that way.
 */
export async function dispatch(
  app: FastifyInstance,
  access: Access,
  identity: Identity,
  { url, body }: { url: string; body: unknown },
  signal: AbortSignal,
): Promise<Dispatched> {
  using lent = access.lend({ ...identity, signal });
  const content = Buffer.from(JSON.stringify(body));
  const request = new IncomingMessage(nobody);
  request.method = 'POST';
  request.url = url;
  request.headers = {
    host: 'localhost',
    authorization: `Bearer ${lent.key}`,
    'content-type': 'application/json',
    'content-length': String(content.length),
  };
  request.push(content);
  request.push(null);
  request.complete = true;
  const response = new KeptResponse(request);
  app.routing(request, response);
  const text = await response.text;
  const retryAfter = response.getHeader('retry-after');
  return {
    status: response.statusCode,
    body: text === '' ? null : JSON.parse(text),
    retryAfterSeconds: retryAfter === undefined ? null : Number(retryAfter),
  };
}

/** At the other end of every request from inside. */
const nobody = new Socket();

/** A response that goes nowhere but into memory. */
class KeptResponse extends ServerResponse {
  readonly #content: Buffer[] = [];
  readonly #ended = Promise.withResolvers<string>();
  /** The whole body, when it has ended. */
  readonly text = this.#ended.promise;

  override writeHead(status: number, ...given: unknown[]): this {
    this.statusCode = status;
    const headers = given.at(-1);
    if (typeof headers === 'object' && headers !== null)
      for (const [name, value] of Object.entries(headers as OutgoingHttpHeaders))
        if (value !== undefined) this.setHeader(name, value);
    return this;
  }

  override write(chunk: string | Uint8Array): boolean {
    this.#content.push(Buffer.from(chunk as string));
    return true;
  }

  override end(chunk?: unknown): this {
    if (this.finished) return this;
    if (typeof chunk === 'string' || chunk instanceof Uint8Array) this.write(chunk);
    this.finished = true;
    this.#ended.resolve(Buffer.concat(this.#content).toString());
    process.nextTick(() => {
      this.emit('finish');
      this.emit('close');
    });
    return this;
  }
}
