import { setTimeout as pause } from 'node:timers/promises';
import { abortable, cancellation } from '../abortable.ts';
import type { EngineLogger } from '../logger.ts';
import { Endpoint, type ToldModel } from './endpoint.ts';
import { brokenExchange, failed, type Failure } from './failure.ts';
import type { RemoteService } from './remote-service.ts';

export type RemoteModel = ToldModel & { service: string };

export type ServiceOptions = {
  logger: EngineLogger;
  /** How long between two looks at a server that is there. */
  lookMs: number;
  /** Before the first further look at one that is not, and before a further attempt; doubled each time. */
  backoffMs: number;
};

const lookTimeoutMs = 5000;
const longestBackoffMs = 60_000;
/** Of one request: the third attempt fails for the reason of the first two. */
const attempts = 3;
/** Whoever is told to come back later than this had better tell its own client. */
const longestWaitMs = 10_000;

/** The replicas of one service: which of them are there, and which gets the next request. */
export class Service implements Disposable {
  readonly description: RemoteService;
  readonly endpoints: readonly Endpoint[];
  readonly #options: ServiceOptions;
  readonly #stopping = new AbortController();
  readonly #firstLooks: Promise<unknown>;
  readonly #timers = new Map<Endpoint, NodeJS.Timeout>();
  readonly #failures = new Map<Endpoint, number>();
  /** What is done at each look at a replica that is there, before it gets requests: one that has restarted has forgotten its adapters. */
  onLook: (endpoint: Endpoint, signal: AbortSignal) => Promise<void> = async () => {};

  constructor(description: RemoteService, options: ServiceOptions) {
    this.description = description;
    this.#options = options;
    this.endpoints = description.urls.map((url) => new Endpoint(description, url));
    this.#firstLooks = Promise.all(this.endpoints.map((endpoint) => this.#look(endpoint)));
  }

  /** As the replicas last told; the first look is waited for. */
  async models(): Promise<RemoteModel[]> {
    await this.#firstLooks;
    const all = new Map(this.endpoints.flatMap(({ models }) => models.map((model) => [model.id, model])));
    return [...all.values()].map((model) => ({ ...model, service: this.description.name }));
  }

  /**
   * What `read` makes of an answer. As long as it has not called `begun`, and made nothing, a request that failed for want of a server goes to
   * another replica, or to the same one a little later.
   * @throws AtelierError `remote_unavailable`, `remote_failed`, `too_many_requests`, `invalid_request`, and for the signal
   */
  async *exchange<T>(
    request: Parameters<Endpoint['request']>[0],
    read: (response: Response, begun: () => void) => AsyncIterable<T>,
    signal: AbortSignal,
  ): AsyncGenerator<T, void, void> {
    const stop = AbortSignal.any([signal, this.#stopping.signal]);
    const tried = new Set<Endpoint>();
    for (let attempt = 1; ; attempt++) {
      if (stop.aborted) throw cancellation(stop);
      const endpoint = this.#choose(tried);
      tried.add(endpoint);
      using _held = endpoint.hold();
      let started = false;
      try {
        const response = await endpoint.request(request, stop);
        const begun = () => void (started = true);
        for await (const part of read(response, begun)) {
          begun();
          yield part;
        }
        return;
      } catch (thrown) {
        if (stop.aborted) throw cancellation(stop);
        const failure = this.#failureOf(thrown, started);
        if (failure.down) this.#goneDown(endpoint);
        if (started || !failure.again || attempt === attempts) throw failure.error;
        const others = this.endpoints.some((each) => each.up !== false && !tried.has(each));
        const wait = others ? 0 : (failure.retryAfterMs ?? this.#options.backoffMs * 2 ** (attempt - 1));
        if (wait > longestWaitMs) throw failure.error;
        this.#options.logger.info({ service: this.description.name, attempt }, 'a request is sent again');
        await pause(wait, undefined, { signal: stop }).catch(() => {});
      }
    }
  }

  /** An answer in JSON. Throws what `exchange` throws. */
  async json(request: Parameters<Endpoint['request']>[0], signal: AbortSignal): Promise<unknown> {
    const { name } = this.description;
    const read = async function* (response: Response) {
      const text = await response.text();
      try {
        yield JSON.parse(text) as unknown;
      } catch {
        throw failed(name, 'its answer is no JSON');
      }
    };
    let answer: unknown;
    for await (const value of this.exchange(request, read, signal)) answer = value;
    return answer;
  }

  [Symbol.dispose](): void {
    this.#stopping.abort();
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }

  #failureOf(thrown: unknown, started: boolean): Failure {
    const failure = brokenExchange(this.description.name, thrown);
    return started && failure.down ? failed(this.description.name, 'the answer broke off') : failure;
  }

  /** Of those that are there, or may be, the one with the fewest requests; one that was tried only when no other is left. */
  #choose(tried: ReadonlySet<Endpoint>): Endpoint {
    const rank = (endpoint: Endpoint) => [
      endpoint.up === false ? 1 : 0,
      tried.has(endpoint) ? 1 : 0,
      endpoint.outstanding,
      endpoint.given,
    ];
    return this.endpoints
      .map((endpoint) => ({ endpoint, rank: rank(endpoint) }))
      .reduce((best, each) => (isBefore(each.rank, best.rank) ? each : best)).endpoint;
  }

  #goneDown(endpoint: Endpoint): void {
    if (endpoint.up === false) return;
    this.#settle(endpoint, false);
    this.#lookLater(endpoint);
  }

  async #look(endpoint: Endpoint): Promise<void> {
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(lookTimeoutMs)]);
    try {
      await abortable(endpoint.look(signal), signal);
      await this.onLook(endpoint, signal);
      this.#settle(endpoint, true);
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      this.#settle(endpoint, false, error);
    }
    this.#lookLater(endpoint);
  }

  #settle(endpoint: Endpoint, up: boolean, error?: unknown): void {
    this.#failures.set(endpoint, up ? 0 : (this.#failures.get(endpoint) ?? 0) + 1);
    if (endpoint.up === up) return;
    endpoint.up = up;
    const { logger } = this.#options;
    const fields = { service: this.description.name, url: this.endpoints.indexOf(endpoint) };
    if (up) logger.info(fields, 'a remote server is there');
    else
      logger.warn({ ...fields, ...(error instanceof Error && { reason: error.message }) }, 'a remote server is gone');
  }

  #lookLater(endpoint: Endpoint): void {
    if (this.#stopping.signal.aborted) return;
    const failures = this.#failures.get(endpoint) ?? 0;
    const { lookMs, backoffMs } = this.#options;
    const wait = failures === 0 ? lookMs : Math.min(longestBackoffMs, backoffMs * 2 ** Math.min(failures, 10));
    clearTimeout(this.#timers.get(endpoint));
    this.#timers.set(endpoint, setTimeout(() => void this.#look(endpoint), wait).unref());
  }
}

function isBefore(a: readonly number[], b: readonly number[]): boolean {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at >= 0 && a[at]! < b[at]!;
}
