/** LoRA adapters of other servers: loaded into vLLM while it runs, chosen among those that llama-server was started with. */
import { AtelierError, isAtelierError } from '@atelier/errors';
import { z } from 'zod';
import { dialects } from './dialects.ts';
import type { Endpoint } from './endpoint.ts';
import { Failure } from './failure.ts';
import { refusal } from './request-body.ts';
import type { Service } from './service.ts';

type Adapter = { name: string; path?: string | undefined };

const listSchema = z.array(z.object({ id: z.int().min(0), path: z.string() }));

export class Adapters {
  readonly #service: Service;
  /** What vLLM's replicas were told to load, for one that comes back without. */
  readonly #paths = new Map<string, string>();

  constructor(service: Service) {
    this.#service = service;
    service.onReturn.push(async (endpoint, signal) => {
      for (const [name, path] of this.#paths) await this.#tell(endpoint, 'load', { name, path }, signal);
    });
  }

  /** Has every replica load an adapter. Throws `invalid_request` and what `Service.exchange` throws. */
  async load(adapter: Adapter, signal: AbortSignal): Promise<void> {
    const { description, endpoints } = this.#service;
    const how = dialects[description.kind].adapters;
    if (how === 'none') throw refusal(description, 'model.adapter');
    if (how === 'field') return void (await this.number(adapter, signal));
    if (adapter.path === undefined) return; // vLLM was started with it
    await Promise.all(endpoints.map((endpoint) => this.#tell(endpoint, 'load', adapter, signal)));
    this.#paths.set(adapter.name, adapter.path);
  }

  async unload({ name }: Adapter, signal: AbortSignal): Promise<void> {
    const { description, endpoints } = this.#service;
    if (dialects[description.kind].adapters !== 'model') return;
    this.#paths.delete(name);
    await Promise.all(endpoints.map((endpoint) => this.#tell(endpoint, 'unload', { name }, signal)));
  }

  /** llama-server's number of an adapter, by the path or file name it was started with. */
  async number({ name, path }: Adapter, signal: AbortSignal): Promise<number> {
    const listed = listSchema.safeParse(await this.#service.json({ path: '/lora-adapters', fromRoot: true }, signal));
    const found = listed.data?.find((each) => each.path === path || each.path.split('/').at(-1) === name);
    if (found) return found.id;
    const reason = `model.adapter: the service ${this.#service.description.name} was started without ${name}`;
    throw new AtelierError('invalid_request', { reason });
  }

  /** Twice is no error. */
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
    } catch (error) {
      const failure = error instanceof Failure ? error.error : error;
      const done = what === 'load' ? /already (been )?loaded/i : /not found|cannot be found/i;
      if (isAtelierError(failure) && done.test(failure.message)) return;
      throw failure;
    }
  }
}
