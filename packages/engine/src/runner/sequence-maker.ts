import { manySequenceTokens, type Prompt, type PromptModel } from '@atelier/data';
import { AtelierError } from '@atelier/errors';
import type { LlamaModel } from '@atelier/llama';
import type { EncodeCommand } from '../protocol.ts';

type Input = EncodeCommand['inputs'][number];
type Pair = Extract<Input, { kind: 'pair' }>;

/** `limit`: most tokens of one sequence; longer ones are refused, or cut at their end with `truncate`. */
export type SequenceLimit = { limit: number; truncate: boolean };

/** Makes the tokens of sequences that a model judges or embeds as a whole. */
export class SequenceMaker {
  readonly #model: LlamaModel;
  readonly #prompts: PromptModel;
  readonly #longestTokenBytes: number;

  constructor(model: LlamaModel, prompts: PromptModel, longestTokenBytes: number) {
    this.#model = model;
    this.#prompts = prompts;
    this.#longestTokenBytes = longestTokenBytes;
  }

  /** Throws `invalid_request`, `context_overflow`, `template_failed`. */
  async tokens(inputs: readonly Input[], options: SequenceLimit, signal: AbortSignal): Promise<Int32Array[]> {
    const prompts = inputs.flatMap((input): Prompt[] => {
      if (input.kind === 'text') return [{ kind: 'raw', text: this.#shortened(input.text, options) }];
      return input.kind === 'chat' ? [input] : [];
    });
    const made = await manySequenceTokens(this.#prompts, prompts, options.limit, signal);
    let next = 0;
    return inputs.map((input) => {
      if (input.kind === 'tokens') return fitted(this.#checked(input.tokens), options);
      if (input.kind === 'pair') return fitted(this.#pair(input, options), options);
      const { tokens, isCut } = made[next++]!;
      if (isCut && !options.truncate) throw tooLong(options.limit + 1, options);
      return tokens;
    });
  }

  /** Text that no tokenizer should spend seconds on, because it cannot fit whatever its tokens are. */
  #shortened(text: string, { limit, truncate }: SequenceLimit): string {
    const most = limit * this.#longestTokenBytes;
    if (text.length <= most) return text;
    if (truncate) return text.slice(0, most);
    throw tooLong(Math.ceil(text.length / this.#longestTokenBytes), { limit });
  }

  #checked(tokens: readonly number[]): Int32Array {
    const { size } = this.#model.vocab;
    if (tokens.some((token) => token >= size))
      throw new AtelierError('invalid_request', { reason: `the vocabulary has ${size} tokens` });
    return Int32Array.from(tokens);
  }

  /** Query and document as rerankers read them; only the document is cut. */
  #pair({ query, document }: Pair, options: SequenceLimit): Int32Array {
    const plain = (text: string) => [
      ...this.#prompts.tokenizer.encode(this.#shortened(text, options), { parseSpecial: false }),
    ];
    const [before, between, after] = this.#frame();
    const head = [...before, ...plain(query), ...between];
    const room = options.limit - head.length - after.length;
    if (room < 1) throw tooLong(head.length + after.length, options);
    const body = plain(document);
    return Int32Array.from([...head, ...(options.truncate ? body.slice(0, room) : body), ...after]);
  }

  /**
   * What stands before, between and after query and document: the text of the file's template for it
   * (`tokenizer.chat_template.rerank`, as llama.cpp's converter writes it), or the tokens around a sequence, doubled in the
   * middle where the vocabulary separates sequences by a token of its own, as RoBERTa does.
   */
  #frame(): [number[], number[], number[]] {
    const { vocab, metadata } = this.#model;
    const { tokenizer } = this.#prompts;
    const template = metadata.string('tokenizer.chat_template.rerank');
    const parts = template?.split(/\{query\}|\{document\}/);
    if (parts?.length === 3) {
      return parts.map((part) => [...tokenizer.encode(part, { parseSpecial: true })]) as [number[], number[], number[]];
    }
    const { before, after } = tokenizer.around;
    const isWordPiece = metadata.string('tokenizer.ggml.model') === 'bert';
    const separator = !isWordPiece && vocab.addSep && vocab.sep !== undefined ? [vocab.sep] : [];
    return [[...before], [...after, ...separator], [...after]];
  }
}

function fitted(tokens: Int32Array, options: SequenceLimit): Int32Array {
  if (tokens.length <= options.limit) return tokens;
  if (!options.truncate) throw tooLong(tokens.length, options);
  return tokens.slice(0, options.limit);
}

/** `tokens`: at least so many. */
function tooLong(tokens: number, { limit }: Pick<SequenceLimit, 'limit'>): AtelierError {
  return new AtelierError('context_overflow', { tokens, limit });
}
