/** LoRA adapters of other servers: loaded into vLLM while it runs, chosen among those that llama-server was started with. */
import { AtelierError } from '@atelier/errors';
import { z } from 'zod';
import { cancellation } from '../abortable.ts';
import type { EngineLogger } from '../logger.ts';
import { dialects } from './dialects.ts';
import type { Endpoint } from './endpoint.ts';
import { brokenExchange } from './failure.ts';
import { refusal } from './request-body.ts';
import type { Service } from './service.ts';

type Adapter = { name: string; path?: string | undefined };

const listSchema = z.array(z.object({ id: z.int().min(0), path: z.string() }));

export class Adapters {
  readonly #service: Service;
  readonly #logger: EngineLogger;
  /** What vLLM's replicas are to have, by name. */
  readonly #paths = new Map<string, string>();

  constructor(service: Service, logger: EngineLogger) {
    this.#service = service;
    this.#logger = logger;
    service.onLook = (endpoint, signal) => this.#complete(endpoint, signal);
  }

  /**
   * Has every replica load an adapter. One that is away is told when it is back, unless all are. From here on replicas that
   * have forgotten the adapter are told again, until it is unloaded, whether this succeeds or not.
   * Throws `invalid_request` and what `Service.exchange` throws.
   */
  async load(adapter: Adapter, signal: AbortSignal): Promise<void> {
    const { description, endpoints } = this.#service;
    const how = dialects[description.kind].adapters;
    if (how === 'none') throw refusal(description, 'model.adapter');
    if (how === 'field') return void (await this.number(adapter, signal));
    const { name, path } = adapter;
    if (path === undefined) return; // vLLM was started with it
    this.#paths.set(name, path);
    const failures = await this.#tellAll('load', { name, path }, signal);
    const failure = failures.find(({ code }) => code !== 'remote_unavailable') ?? failures.at(0);
    if (failure && (failure.code !== 'remote_unavailable' || failures.length === endpoints.length)) throw failure;
  }

  /** A replica that is away has nothing to forget. */
  async unload({ name }: Adapter, signal: AbortSignal): Promise<void> {
    if (dialects[this.#service.description.kind].adapters !== 'model') return;
    this.#paths.delete(name);
    const failures = await this.#tellAll('unload', { name }, signal);
    const failure = failures.find(({ code }) => code !== 'remote_unavailable');
    if (failure) throw failure;
  }

  /** llama-server's number of an adapter, by the path or file name it was started with. */
  async number({ name, path }: Adapter, signal: AbortSignal): Promise<number> {
    const listed = listSchema.safeParse(await this.#service.json({ path: '/lora-adapters', fromRoot: true }, signal));
    const found = listed.data?.find((each) => each.path === path || each.path.split('/').at(-1) === name);
    if (found) return found.id;
    const reason = `model.adapter: the service ${this.#service.description.name} was started without ${name}`;
    throw new AtelierError('invalid_request', { reason });
  }

  /** A replica lists the adapters that it has among its models; a failure to load one says nothing about the replica. */
  async #complete(endpoint: Endpoint, signal: AbortSignal): Promise<void> {
    const there = new Set(endpoint.models.map(({ id }) => id));
    for (const [name, path] of this.#paths) {
      if (there.has(name)) continue;
      await this.#tell(endpoint, 'load', { name, path }, signal).catch((error: unknown) => {
        const service = this.#service.description.name;
        this.#logger.warn({ service, adapter: name, err: error }, 'an adapter could not be loaded again');
      });
    }
  }

  /** @returns what went wrong with replicas. */
  async #tellAll(what: 'load' | 'unload', adapter: Adapter, signal: AbortSignal): Promise<AtelierError[]> {
    const tell = (endpoint: Endpoint) => this.#tell(endpoint, what, adapter, signal);
    const outcomes = await Promise.allSettled(this.#service.endpoints.map(tell));
    if (signal.aborted) throw cancellation(signal);
    return outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as AtelierError] : []));
  }

  /** Twice is no error. Throws an AtelierError. */
  async #tell(
    endpoint: Endpoint,
    what: 'load' | 'unload',
    { name, path }: Adapter,
    signal: AbortSignal,
  ): Promise<void> {
    const body = { lora_name: name, ...(what === 'load' && { lora_path: path }) };
    try {
      const response = await endpoint.request({ path: `/${what}_lora_adapter`, body }, signal);
      await response.body?.cancel();
    } catch (thrown) {
      const { error } = brokenExchange(this.#service.description.name, thrown);
      const done = what === 'load' ? /already (been )?loaded/i : /not found|cannot be found/i;
      if (!done.test(error.message)) throw error;
    }
  }
}
