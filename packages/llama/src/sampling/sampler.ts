import { checkInteger, maxInt32 } from '../arguments.ts';
import type { LlamaContext } from '../context/llama-context.ts';
import { Lifetime } from '../lifetime.ts';
import type { LlamaModel } from '../model/llama-model.ts';
import type { Native } from '../native/native.ts';
import type { Pointer } from '../native/pointer.ts';
import type { Candidates } from './candidates.ts';
import { checkChain, makeStep, type SamplerStep } from './sampler-step.ts';

/** A chain of sampling steps with the state of one sequence: its recent tokens, its random numbers. */
export class Sampler implements Disposable {
  readonly native: Native;
  readonly model: LlamaModel;
  readonly pointer: Pointer<'llama_sampler'>;
  readonly lifetime = new Lifetime('sampler');
  private readonly releaseModel: () => void;

  /** Throws `invalid_request` for numbers out of range, or steps that do not end in a pick. */
  constructor(model: LlamaModel, steps: readonly SamplerStep[]) {
    checkChain(steps);
    const { native } = model;
    this.native = native;
    this.model = model;
    this.releaseModel = model.lifetime.hold('sampler');
    this.pointer = native.c.llama_sampler_chain_init(native.c.llama_sampler_chain_default_params());
    try {
      for (const step of steps) native.c.llama_sampler_chain_add(this.pointer, makeStep(native, model.vocab, step));
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Picks a token from the logits of the last batch's entry `index` (-1: the last) and accepts it. */
  sample(context: LlamaContext, index = -1): number {
    this.lifetime.check();
    return this.native.c.llama_sampler_sample(this.pointer, context.pointer, context.checkOutput(index));
  }

  /** Picks one of the candidates without accepting it. They have to be possible; what the steps do to them stays. */
  pick(candidates: Candidates): number {
    this.lifetime.check();
    this.native.c.llama_sampler_apply(this.pointer, candidates.struct);
    return candidates.picked;
  }

  /**
   * Tells the chain, or only its step number `step`, of a token that was not sampled by it, such as one of the prompt:
   * some penalties are about the prompt as well, others about the text alone.
   */
  accept(token: number, step?: number): void {
    this.lifetime.check();
    const { c } = this.native;
    const target =
      step === undefined
        ? this.pointer
        : c.llama_sampler_chain_get(this.pointer, checkInteger('step', step, 0, maxInt32));
    c.llama_sampler_accept(target, checkInteger('token', token, 0, this.model.vocab.size - 1));
  }

  /** Forgets all tokens and starts the random numbers again. */
  reset(): void {
    this.lifetime.check();
    this.native.c.llama_sampler_reset(this.pointer);
  }

  [Symbol.dispose](): void {
    this.lifetime.end(() => {
      this.native.c.llama_sampler_free(this.pointer);
      this.releaseModel();
    });
  }
}
