/** Has other servers run models: vLLM, llama-server, SGLang, a hosted API. */
import { AtelierError } from '@atelier/errors';
import type { z } from 'zod';
import { Deadline } from '../deadline.ts';
import { parseRequest } from '../door.ts';
import type { EmbedRequest, Embeddings, RerankRequest, Reranking } from '../encode-request.ts';
import { embedRequestSchema, rerankRequestSchema } from '../encode-request.ts';
import type { Engine, EngineStatus, ModelInfo } from '../engine.ts';
import type { GenerateEvent } from '../generate-event.ts';
import type { GenerateRequest, ModelRef } from '../generate-request.ts';
import { remoteGenerateRequestSchema, remoteModelRefSchema } from '../generate-request.ts';
import type { EngineLogger } from '../logger.ts';
import { tokenizeRequestSchema, type TokenCount, type TokenizeRequest } from '../tokenize-request.ts';
import { Adapters } from './adapters.ts';
import { completionEvents } from './completion-events.ts';
import { dialects } from './dialects.ts';
import { failed } from './failure.ts';
import type { RemoteService } from './remote-service.ts';
import { refusal, requestBody } from './request-body.ts';
import { serverSentData } from './server-sent-events.ts';
import { type RemoteModel, Service, type ServiceOptions } from './service.ts';
import { remoteEmbed, remoteRerank, remoteTokenize } from './vectors.ts';

export type RemoteEngine = Engine & {
  /** The models of all services, as they last told. */
  models(): Promise<RemoteModel[]>;
};

export type RemoteEngineOptions = { services: readonly RemoteService[] } & Pick<ServiceOptions, 'logger'> &
  Partial<ServiceOptions>;

/** Looks at the services at once, and again from time to time. */
export function createRemoteEngine(options: RemoteEngineOptions): RemoteEngine {
  return new HttpEngine(options.services, { lookMs: 15_000, backoffMs: 500, ...options });
}

/** A server that does not answer for so long is left with an adapter that nobody names. */
const unloadTimeoutMs = 10_000;

const embedSchema = embedRequestSchema.extend({ model: remoteModelRefSchema });
const rerankSchema = rerankRequestSchema.extend({ model: remoteModelRefSchema });
const tokenizeSchema = tokenizeRequestSchema.extend({ model: remoteModelRefSchema });
type Ref = z.output<typeof remoteModelRefSchema>;
type Entry = { service: Service; adapters: Adapters };

class HttpEngine implements RemoteEngine {
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #logger: EngineLogger;
  readonly #stopping = new AbortController();
  readonly #counts = { running: 0, promptTokens: 0, completionTokens: 0 };

  constructor(services: readonly RemoteService[], options: ServiceOptions) {
    this.#logger = options.logger;
    this.#entries = new Map(
      services.map((description) => {
        const service = new Service(description, options);
        return [description.name, { service, adapters: new Adapters(service, options.logger) }];
      }),
    );
  }

  async models(): Promise<RemoteModel[]> {
    return (await Promise.all([...this.#entries.values()].map(({ service }) => service.models()))).flat();
  }

  async load(ref: ModelRef, signal?: AbortSignal): Promise<ModelInfo> {
    const model = parseRequest(remoteModelRefSchema, ref);
    const { service, adapters } = this.#entry(model);
    const stop = this.#stopOn(signal);
    if (model.adapter) await adapters.load(model.adapter, stop);
    const told = (await service.models()).find(({ id }) => id === model.model);
    if (!told) throw new AtelierError('unknown_model', { name: `${model.remote}/${model.model}` });
    const { parameters = 0, vocabularySize = 0, contextTokens = 0, width = 0 } = told;
    const architecture = service.description.kind;
    return { architecture, parameters, vocabularySize, contextTokens, width, chat: true };
  }

  /** What stays in the memory of another server is that server's business. */
  async pin(model: ModelRef, signal?: AbortSignal): Promise<Disposable> {
    await this.load(model, signal);
    return { [Symbol.dispose]() {} };
  }

  async *generate(request: GenerateRequest, signal?: AbortSignal): AsyncGenerator<GenerateEvent, void, void> {
    const { timeoutMs, ...generation } = parseRequest(remoteGenerateRequestSchema, request);
    using deadline = new Deadline(timeoutMs);
    using left = abortOnDispose(); // whoever leaves the loop ends the generation over there
    const stop = this.#stopOn(signal, deadline.signal, left.signal);
    const { service, adapters } = this.#entry(generation.model);
    const { adapter } = generation.model;
    const byField = adapter && dialects[service.description.kind].adapters === 'field';
    const number = byField ? await adapters.number(adapter, stop) : undefined;
    const { path, body } = requestBody(service.description, generation, number);
    const { name } = service.description;
    const options = {
      service: name,
      choices: generation.choices,
      alternatives: generation.logprobs ?? 0,
      seed: generation.sampling.seed,
    };
    const read = (response: Response, begun: () => void) => {
      if (!response.body) throw failed(name, 'its answer is empty', { again: true });
      return completionEvents(serverSentData(response.body), { ...options, begun });
    };
    this.#counts.running++;
    try {
      for await (const event of service.exchange({ path, body }, read, stop)) {
        if (event.type === 'finish') this.#count(event);
        yield event;
      }
    } finally {
      this.#counts.running--;
    }
  }

  async tokenize(request: TokenizeRequest, signal?: AbortSignal): Promise<TokenCount> {
    const { model, ...rest } = parseRequest(tokenizeSchema, request);
    const { service } = this.#entry(model);
    return await remoteTokenize(service, { ...rest, model: nameOf(model, service) }, this.#stopOn(signal));
  }

  async embed(request: EmbedRequest, signal?: AbortSignal): Promise<Embeddings> {
    const { model, ...rest } = parseRequest(embedSchema, request);
    const { service } = this.#entry(model);
    const embeddings = await remoteEmbed(service, { ...rest, model: nameOf(model, service) }, this.#stopOn(signal));
    this.#counts.promptTokens += embeddings.usage.promptTokens;
    return embeddings;
  }

  async rerank(request: RerankRequest, signal?: AbortSignal): Promise<Reranking> {
    const { model, ...rest } = parseRequest(rerankSchema, request);
    const { service } = this.#entry(model);
    const ranking = await remoteRerank(service, { ...rest, model: nameOf(model, service) }, this.#stopOn(signal));
    this.#counts.promptTokens += ranking.usage.promptTokens;
    return ranking;
  }

  async classify(): Promise<never> {
    throw new AtelierError('invalid_request', { reason: 'model: heads are served on this machine only' });
  }

  status(): EngineStatus {
    return { ...this.#counts, waiting: 0, crashes: 0, runners: [], quarantined: [] };
  }

  async unload(ref: ModelRef): Promise<void> {
    const model = parseRequest(remoteModelRefSchema, ref);
    if (model.adapter)
      await this.#entry(model).adapters.unload(model.adapter, this.#stopOn(AbortSignal.timeout(unloadTimeoutMs)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new AtelierError('shutting_down'));
    for (const { service } of this.#entries.values()) service[Symbol.dispose]();
    this.#logger.debug({}, 'remote engines are no longer looked at');
  }

  #entry({ remote, model }: Ref): Entry {
    const entry = this.#entries.get(remote);
    if (!entry) throw new AtelierError('unknown_model', { name: `${remote}/${model}` });
    return entry;
  }

  #count({ usage }: Extract<GenerateEvent, { type: 'finish' }>): void {
    this.#counts.promptTokens += usage.promptTokens;
    this.#counts.completionTokens += usage.completionTokens;
  }

  #stopOn(...signals: (AbortSignal | undefined)[]): AbortSignal {
    return AbortSignal.any([this.#stopping.signal, ...signals.filter((signal) => signal !== undefined)]);
  }
}

/** What the other side calls the model with its adapter. */
function nameOf({ model, adapter }: Ref, { description }: Service): string {
  if (!adapter) return model;
  if (dialects[description.kind].adapters !== 'model') throw refusal(description, 'model.adapter');
  return adapter.name;
}

function abortOnDispose(): Disposable & { signal: AbortSignal } {
  const controller = new AbortController();
  return { signal: controller.signal, [Symbol.dispose]: () => controller.abort() };
}
