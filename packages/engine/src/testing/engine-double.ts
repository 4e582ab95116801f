import { AtelierError } from '@atelier/errors';
import type { Engine } from '../engine.ts';

/** An engine without models that does what it is given, and refuses the rest. */
export function engineDouble(given: Partial<Engine>): Engine {
  const refuse = (): never => {
    throw new AtelierError('shutting_down');
  };
  return {
    load: refuse,
    generate: refuse,
    pin: refuse,
    tokenize: refuse,
    embed: refuse,
    classify: refuse,
    rerank: refuse,
    status: () => ({
      running: 0,
      waiting: 0,
      promptTokens: 0,
      completionTokens: 0,
      crashes: 0,
      runners: [],
      quarantined: [],
    }),
    unload: async () => {},
    [Symbol.asyncDispose]: async () => {},
    ...given,
  };
}
