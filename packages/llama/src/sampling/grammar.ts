import { checkInteger, invalid } from '../arguments.ts';
import { Lifetime } from '../lifetime.ts';
import type { LlamaModel } from '../model/llama-model.ts';
import type { Pointer } from '../native/pointer.ts';
import type { Candidates } from './candidates.ts';
import { checkGrammar } from './check-grammar.ts';

/**
 * A GBNF grammar over a vocabulary, and how far a text has come in it. Native code ends the process when it is given a
 * token that the grammar does not allow, so `accept` asks first.
 */
export class Grammar implements Disposable {
  readonly model: LlamaModel;
  readonly lifetime = new Lifetime('grammar');
  readonly #pointer: Pointer<'llama_sampler'>;
  readonly #releaseModel: () => void;

  /** Throws `invalid_request` for a grammar that is wrong, has no rule `root`, or is too much for native code. */
  static compile(model: LlamaModel, text: string): Grammar {
    checkGrammar(text);
    const { native, vocab } = model;
    const { result, errors } = native.collectErrors(() =>
      native.c.llama_sampler_init_grammar(vocab.pointer, text, 'root'),
    );
    if (result === null) throw invalid(`the grammar is not valid: ${errors.join('; ').slice(0, 300)}`);
    return new Grammar(model, result);
  }

  private constructor(model: LlamaModel, pointer: Pointer<'llama_sampler'>) {
    this.model = model;
    this.#pointer = pointer;
    this.#releaseModel = model.lifetime.hold('grammar');
  }

  /** The same grammar at the same place. */
  clone(): Grammar {
    this.lifetime.check();
    const copy = this.model.native.c.llama_sampler_clone(this.#pointer);
    if (copy === null) throw invalid('the grammar could not be copied');
    return new Grammar(this.model, copy);
  }

  /** Takes candidates away that may not come next; false when none is left. */
  restrict(candidates: Candidates): boolean {
    this.lifetime.check();
    this.model.native.c.llama_sampler_apply(this.#pointer, candidates.struct);
    return candidates.dropImpossible();
  }

  /** Whether a token may come next; `candidates` is overwritten. */
  allows(token: number, candidates: Candidates): boolean {
    candidates.set(checkInteger('token', token, 0, this.model.vocab.size - 1));
    return this.restrict(candidates);
  }

  /** Goes on by a token. Throws `invalid_request` when it may not come next; `candidates` is overwritten. */
  accept(token: number, candidates: Candidates): void {
    if (!this.allows(token, candidates)) throw invalid('the grammar does not allow this token here');
    this.model.native.c.llama_sampler_accept(this.#pointer, token);
  }

  [Symbol.dispose](): void {
    this.lifetime.end(() => {
      this.model.native.c.llama_sampler_free(this.#pointer);
      this.#releaseModel();
    });
  }
}
