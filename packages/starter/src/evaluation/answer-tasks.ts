import type { Engine, GenerateRequest } from '@atelier/engine';
import { specialTokenId } from '../tokenizer/special-tokens.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { Answered } from './score.ts';
import type { Task } from './tasks.ts';

/** Longer than any right answer. */
const maxAnswerTokens = 160;
/** Requests in flight; the engine batches them. */
const atOnce = 12;

function requestInput({ input }: Task, tokenizer: Tokenizer): GenerateRequest['input'] {
  if (input.kind === 'chat')
    return { kind: 'chat', messages: input.messages, ...(input.tools ? { tools: input.tools } : {}) };
  return {
    kind: 'tokens',
    tokens: [
      specialTokenId('<|fim_prefix|>'),
      ...tokenizer.encode(input.prefix),
      specialTokenId('<|fim_suffix|>'),
      ...tokenizer.encode(input.suffix),
      specialTokenId('<|fim_middle|>'),
    ],
  };
}

/** A model's greedy answers to tasks, in the tasks' order. */
export async function answerTasks(
  engine: Engine,
  model: string,
  tokenizer: Tokenizer,
  tasks: readonly Task[],
): Promise<Answered[]> {
  const answered: Answered[] = [];
  const waiting = tasks.entries();
  async function work(): Promise<void> {
    for (const [i, task] of waiting) {
      let answer = '';
      for await (const event of engine.generate({
        model: { path: model },
        owner: 'report',
        input: requestInput(task, tokenizer),
        maxTokens: maxAnswerTokens,
      })) {
        if (event.type === 'text') answer += event.text;
      }
      answered[i] = { task, answer };
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work));
  return answered;
}
