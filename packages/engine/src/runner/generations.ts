import { AtelierError } from '@atelier/errors';
import { Candidates, Grammar, Probabilities, type LlamaModel } from '@atelier/llama';
import { maxCachedGrammars } from '../limits.ts';
import type { GenerateCommand } from '../protocol.ts';
import { GrammarGate } from './grammar-gate.ts';
import { watched } from './grammar-watch.ts';
import { reasoningMarks, ReasoningSplitter, type ReasoningMarks } from './reasoning.ts';
import { RepeatedNgrams } from './repeated-ngrams.ts';
import { createSampler } from './sampling.ts';
import { Sequence } from './sequence.ts';
import { TokenChooser } from './token-chooser.ts';

/** A sequence and who decides on its tokens. */
export type Generation = {
  /** Who may profit from what it computes. */ owner: string;
  sequence: Sequence;
  chooser: TokenChooser;
};

/** A mark at the end of a prompt is found among so many tokens. */
const longestMarkTokens = 32;

/** Turns requests into sequences, with what it knows of one model. */
export class Generations implements Disposable {
  readonly #model: LlamaModel;
  readonly #contextTokens: number;
  readonly #ends: readonly number[];
  readonly #marks: ReasoningMarks | undefined;
  readonly #candidates: Candidates;
  readonly #probabilities: Probabilities;
  /** Compiled grammars by their text, least recently used first. */
  readonly #grammars = new Map<string, Grammar>();

  /** `contextTokens`: most tokens of prompt and text together. */
  constructor(model: LlamaModel, contextTokens: number) {
    this.#model = model;
    this.#contextTokens = contextTokens;
    this.#ends = Array.from({ length: model.vocab.size }, (_, token) => token).filter((token) =>
      model.vocab.isEog(token),
    );
    this.#marks = reasoningMarks(model.chatTemplate);
    this.#candidates = new Candidates(model);
    this.#probabilities = new Probabilities(model);
  }

  /** One generation for each choice of a request. Throws `invalid_request`. */
  start(command: GenerateCommand, prompt: Int32Array): Generation[] {
    const { vocab } = this.#model;
    const { id, owner, maxTokens = Infinity, minTokens, stop, stopTokens, sampling, logprobs } = command;
    if (stopTokens.some((token) => token >= vocab.size))
      throw new AtelierError('invalid_request', { reason: `the vocabulary has ${vocab.size} tokens` });
    const marks = command.reasoning === 'apart' && command.input.kind === 'chat' ? this.#marks : undefined;
    const open = marks !== undefined && this.#endsWith(prompt, marks.start);
    const visible = this.#visible(command.visibleTokens, marks);
    const bytesOf = (token: number) => vocab.pieceBytes(token, visible.has(token));
    const reuse = {};
    const options = {
      model: this.#model,
      probabilities: this.#probabilities,
      sampling,
      prompt,
      contextTokens: this.#contextTokens,
    };
    using made = new DisposableStack();
    const generations = Array.from({ length: command.choices }, (_, choice): Generation => {
      const { sampler, quickPick } = createSampler({ ...options, choice });
      made.use(sampler);
      const gate = made.use(this.#gate(command, marks, open, bytesOf));
      const splitter = marks && new ReasoningSplitter(marks, open);
      return {
        owner,
        sequence: new Sequence({
          id,
          choice,
          prompt,
          reuse,
          maxTokens,
          contextTokens: this.#contextTokens,
          stop,
          splitter,
        }),
        chooser: new TokenChooser({
          sampler,
          quickPick,
          gate,
          candidates: this.#candidates,
          ngrams: ngramsOf(sampling.noRepeatNgramSize, prompt),
          ends: new Set([...this.#ends, ...stopTokens]),
          minTokens,
          logprobs,
          bytesOf,
        }),
      };
    });
    made.move();
    return generations;
  }

  [Symbol.dispose](): void {
    for (const grammar of this.#grammars.values()) grammar[Symbol.dispose]();
    this.#grammars.clear();
    this.#probabilities[Symbol.dispose]();
  }

  #gate(
    { id, grammar }: GenerateCommand,
    marks: ReasoningMarks | undefined,
    open: boolean,
    bytesOf: (token: number) => Uint8Array,
  ): GrammarGate | undefined {
    if (!grammar) return undefined;
    const stages = grammar.lazy ? [grammar.lazy.triggers] : [];
    return new GrammarGate({
      id,
      grammar: watched(id, () => this.#compiled(grammar.gbnf).clone()),
      candidates: this.#candidates,
      stages: marks && open ? [[marks.end], ...stages] : stages,
      thought: open ? undefined : marks,
      bytesOf,
      isEnd: (token) => this.#model.vocab.isEog(token),
    });
  }

  #compiled(text: string): Grammar {
    let grammar = this.#grammars.get(text);
    if (grammar) this.#grammars.delete(text);
    else grammar = Grammar.compile(this.#model, text);
    this.#grammars.set(text, grammar);
    if (this.#grammars.size > maxCachedGrammars) {
      const [oldest, unused] = this.#grammars.entries().next().value!;
      this.#grammars.delete(oldest);
      unused[Symbol.dispose]();
    }
    return grammar;
  }

  #endsWith(prompt: Int32Array, mark: string): boolean {
    const end = this.#model.vocab.detokenize(prompt.slice(-longestMarkTokens), { renderSpecial: true });
    return end.trimEnd().endsWith(mark);
  }

  /** Special tokens that are shown: those asked for, and those that marks are made of. */
  #visible(texts: readonly string[], marks: ReasoningMarks | undefined): Set<number> {
    if (texts.length === 0 && !marks) return new Set();
    const wanted = ({ text }: { text: string }) =>
      texts.includes(text) || (marks && text.length > 1 && (marks.start.includes(text) || marks.end.includes(text)));
    return new Set(
      this.#model.vocab
        .specialTokens()
        .filter(wanted)
        .map(({ id }) => id),
    );
  }
}

function ngramsOf(size: number, prompt: Int32Array): RepeatedNgrams | undefined {
  if (size === 0) return undefined;
  const ngrams = new RepeatedNgrams(size);
  for (const token of prompt) ngrams.accept(token);
  return ngrams;
}
