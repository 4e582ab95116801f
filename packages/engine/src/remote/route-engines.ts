import type { ClassifyRequest } from '../encode-request.ts';
import type { Engine, EngineStatus } from '../engine.ts';
import type { ModelRef } from '../generate-request.ts';
import type { RemoteEngine } from './create-remote-engine.ts';

/** One engine over both: models of this machine go to `local`, those of other servers to `remote`. Disposing it ends both. */
export function routeEngines(local: Engine, remote: RemoteEngine): Engine {
  const of = (model: ModelRef): Engine => ('remote' in model ? remote : local);
  return {
    load: (model, signal) => of(model).load(model, signal),
    pin: (model, signal) => of(model).pin(model, signal),
    generate: (request, signal) => of(request.model).generate(request, signal),
    tokenize: (request, signal) => of(request.model).tokenize(request, signal),
    embed: (request, signal) => of(request.model).embed(request, signal),
    classify: (request: ClassifyRequest, signal) => of(request.model).classify(request, signal),
    rerank: (request, signal) => of(request.model).rerank(request, signal),
    status: () => bothOf(local.status(), remote.status()),
    unload: (model) => of(model).unload(model),
    async [Symbol.asyncDispose]() {
      await Promise.all([remote[Symbol.asyncDispose](), local[Symbol.asyncDispose]()]);
    },
  };
}

function bothOf(local: EngineStatus, remote: EngineStatus): EngineStatus {
  return {
    ...local,
    running: local.running + remote.running,
    promptTokens: local.promptTokens + remote.promptTokens,
    completionTokens: local.completionTokens + remote.completionTokens,
  };
}
