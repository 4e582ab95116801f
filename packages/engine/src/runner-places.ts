import path from 'node:path';
import { AtelierError } from '@atelier/errors';
import type { ModelSlot } from './model-slot.ts';

export type PlaceLimits = {
  /** Runners at once, beside those of pinned models. */
  maxRunners: number;
  /** What all their models may take together. */
  memoryBytes: number;
};

type Place = { model: string; bytes: number };

/**
 * Which runners there may be at once, by their number and by the memory that their models are going to take. Whoever needs
 * one more unloads the models that have been idle for longest, or waits.
 */
export class RunnerPlaces {
  readonly #limits: PlaceLimits;
  readonly #slots: ReadonlyMap<string, ModelSlot>;
  readonly #taken = new Set<Place>();
  #waiting: (() => void)[] = [];

  constructor(limits: PlaceLimits, slots: ReadonlyMap<string, ModelSlot>) {
    this.#limits = limits;
    this.#slots = slots;
  }

  /**
   * Resolves with the function that gives the place back. Throws `model_too_large` when the model does not fit, alone or
   * beside the pinned ones.
   */
  async take(model: string, bytes: number): Promise<() => void> {
    for (;;) {
      this.#checkPossible(model, bytes);
      if (this.#fits(bytes)) break;
      const idle = this.#longestIdle();
      if (idle) await idle[Symbol.asyncDispose]();
      else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    const place = { model, bytes };
    this.#taken.add(place);
    return () => {
      this.#taken.delete(place);
      this.recheck();
    };
  }

  /** A model has become idle or has left. */
  recheck(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #checkPossible(model: string, bytes: number): void {
    const limit = this.#limits.memoryBytes - sum([...this.#taken].filter((place) => this.#isPinned(place)));
    if (bytes <= limit) return;
    const megabytes = (value: number): number => Math.ceil(value / 2 ** 20);
    throw new AtelierError('model_too_large', {
      name: path.basename(model),
      needed: megabytes(bytes),
      limit: megabytes(limit),
    });
  }

  #fits(bytes: number): boolean {
    const places = [...this.#taken];
    const unpinned = places.filter((place) => !this.#isPinned(place));
    return unpinned.length < this.#limits.maxRunners && sum(places) + bytes <= this.#limits.memoryBytes;
  }

  #isPinned({ model }: Place): boolean {
    return this.#slots.get(model)?.pinned === true;
  }

  #longestIdle(): ModelSlot | undefined {
    const idle = [...this.#slots.values()].filter((slot) => slot.idleSince !== undefined);
    return idle.sort((a, b) => a.idleSince! - b.idleSince!)[0];
  }
}

const sum = (places: readonly Place[]): number => places.reduce((total, { bytes }) => total + bytes, 0);
