/** Models that the operator wants to be in memory from the start, whoever asks for them and whatever else is asked for. */
import type { Engine } from '@atelier/engine';
import { AtelierError } from '@atelier/errors';
import type { Logger } from '../../logger.ts';
import type { Models } from './models.ts';

export type PinnedModels = AsyncDisposable & {
  /** Throws as long as one of them is being loaded. One that cannot be loaded is logged, and does not hold up the others. */
  ready(): Promise<void>;
};

type Parts = { names: readonly string[]; models: Models; engine: Engine; logger: Logger };

/** Begins to load them at once, one after the other. */
export function createPinnedModels({ names, models, engine, logger }: Parts): PinnedModels {
  const stopping = new AbortController();
  const pins = new DisposableStack();
  let loading = names.length > 0;

  async function pin(name: string): Promise<void> {
    try {
      const found = await models.everywhere(name);
      if (found.length === 0) throw new AtelierError('unknown_model', { name });
      for (const model of found) pins.use(await engine.pin(await models.ref(model), stopping.signal));
      logger.info({ model: name }, 'a model is loaded and stays so');
    } catch (error) {
      if (!stopping.signal.aborted) logger.error({ err: error, model: name }, 'a model could not be pinned');
    }
  }

  const pinned = (async () => {
    for (const name of names) if (!stopping.signal.aborted) await pin(name);
    loading = false;
  })();

  return {
    async ready() {
      if (loading) throw new Error('models are being loaded');
    },
    async [Symbol.asyncDispose]() {
      stopping.abort(new AtelierError('shutting_down'));
      await pinned;
      pins.dispose();
    },
  };
}
