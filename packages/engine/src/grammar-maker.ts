import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { AtelierError } from '@atelier/errors';
import type { OutputForm, OutputGrammar } from './output-grammar.ts';

/** A schema as large as may be takes a second or two, and longer where much else is computed. */
const limitMs = 60_000;

/** For grammars as large as may be, several times over. */
const heapMegabytes = 512;

type Answer = { grammar?: OutputGrammar | undefined; error?: { code: string; details: AtelierError['details'] } };

/** Has a thread of its own make grammars, one after the other. It is started for the first of them. */
export class GrammarMaker implements AsyncDisposable {
  #thread: Worker | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #disposed = false;

  /** Undefined where the text is free. Throws `unsupported_schema`, `invalid_request` and `shutting_down`. */
  make(form: OutputForm): Promise<OutputGrammar | undefined> {
    const made = this.#last.then(() => this.#make(form));
    this.#last = made.catch(() => {});
    return made;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    await this.#thread?.terminate();
  }

  async #make(form: OutputForm): Promise<OutputGrammar | undefined> {
    if (this.#disposed) throw new AtelierError('shutting_down');
    const thread = (this.#thread ??= this.#start());
    const signal = AbortSignal.timeout(limitMs);
    const left = new AbortController();
    const gone = once(thread, 'exit', { signal: left.signal });
    gone.catch(() => {});
    try {
      thread.postMessage(form);
      const heard = once(thread, 'message', { signal: AbortSignal.any([signal, left.signal]) });
      const first = await Promise.race([heard, gone.then(() => undefined)]);
      if (!first) throw new Error('the thread has gone');
      const { grammar, error } = first[0] as Answer;
      if (error) throw AtelierError.fromJSON(error);
      return grammar;
    } catch (error) {
      if (error instanceof AtelierError) throw error;
      // It took too long, or more memory than it may have.
      this.#thread = undefined;
      await thread.terminate();
      if (this.#disposed) throw new AtelierError('shutting_down');
      throw new AtelierError('unsupported_schema', { path: '#', reason: 'its grammar takes too much' }, error);
    } finally {
      left.abort();
    }
  }

  #start(): Worker {
    const thread = new Worker(new URL('./grammar-thread.ts', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: heapMegabytes },
    });
    thread.on('error', () => {}); // its exit follows
    thread.unref();
    return thread;
  }
}
