import { brokenExchange, refusedAnswer } from './failure.ts';
import type { RemoteKind, RemoteService } from './remote-service.ts';

/** A model as its server tells of it; what it does not tell is absent. */
export type ToldModel = {
  id: string;
  contextTokens?: number | undefined;
  parameters?: number | undefined;
  vocabularySize?: number | undefined;
  width?: number | undefined;
};

/** Servers that are started with a model say by this when it is loaded. */
const healthPath: Record<RemoteKind, string | undefined> = {
  vllm: '/health',
  'llama-server': '/health',
  sglang: '/health',
  openai: undefined,
};

/** One URL of a service. */
export class Endpoint {
  readonly #service: RemoteService;
  /** With the version in its path, and without. Neither has a slash at its end. */
  readonly #base: string;
  readonly #root: string;
  /** Requests that it has not answered yet, and all that it was ever given. */
  outstanding = 0;
  given = 0;
  /** Unknown until the first look. */
  up: boolean | undefined;
  models: ToldModel[] = [];

  constructor(service: RemoteService, url: string) {
    this.#service = service;
    this.#base = url.replace(/\/+$/, '');
    this.#root = this.#base.replace(/\/v\d+$/, '');
  }

  /** Counts a request as outstanding until it is disposed. */
  hold(): Disposable {
    this.outstanding++;
    this.given++;
    return { [Symbol.dispose]: () => void this.outstanding-- };
  }

  /** Looks whether the server is there and which models it has. Throws `Failure`. */
  async look(signal: AbortSignal): Promise<void> {
    const health = healthPath[this.#service.kind];
    if (health !== undefined) {
      const response = await this.request({ path: health, fromRoot: true }, signal);
      await response.body?.cancel();
    }
    const response = await this.request({ path: '/models' }, signal);
    const { data } = (await response.json()) as { data?: unknown };
    this.models = Array.isArray(data) ? data.flatMap(toldModel) : [];
  }

  /** The answer when its status is good. Throws `Failure`; the network's own errors too are made one. */
  async request(
    { path, body, fromRoot = false }: { path: string; body?: object; fromRoot?: boolean },
    signal: AbortSignal,
  ): Promise<Response> {
    const { name, key } = this.#service;
    let response: Response;
    try {
      response = await fetch(`${fromRoot ? this.#root : this.#base}${path}`, {
        signal,
        redirect: 'error', // elsewhere may be anybody's
        headers: {
          ...(key !== undefined && { authorization: `Bearer ${key}` }),
          ...(body && { 'content-type': 'application/json' }),
        },
        ...(body && { method: 'POST', body: JSON.stringify(body) }),
      });
    } catch (error) {
      throw brokenExchange(name, error);
    }
    if (!response.ok) throw await refusedAnswer(name, response);
    return response;
  }
}

/** vLLM and SGLang say `max_model_len`, llama-server has `meta`. */
function toldModel(entry: unknown): ToldModel[] {
  const { id, max_model_len: longest, meta } = (entry ?? {}) as Record<string, unknown>;
  if (typeof id !== 'string' || id === '' || id.length > 500) return [];
  const told = (meta ?? {}) as Record<string, unknown>;
  return [
    {
      id,
      contextTokens: positive(longest) ?? positive(told['n_ctx']) ?? positive(told['n_ctx_train']),
      parameters: positive(told['n_params']),
      vocabularySize: positive(told['n_vocab']),
      width: positive(told['n_embd']),
    },
  ];
}

function positive(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : undefined;
}
