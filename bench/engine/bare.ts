import { LlamaModel, loadNative } from '@atelier/llama';
import { generationSchema } from '../../packages/engine/src/generate-request.ts';
import { GenerationContext } from '../../packages/engine/src/runner/generation-context.ts';
import { Generations } from '../../packages/engine/src/runner/generations.ts';
import { ThreadChoice } from '../../packages/engine/src/runner/thread-choice.ts';
import { sampling, type Contender, type Settings } from './contender.ts';

/** Our own steps in this process: no HTTP, no pipe, nobody else's work between two of them. */
export async function bare({ modelFile, threads, concurrent, contextTokens }: Settings): Promise<Contender> {
  loadNative({ gpu: 'off' });
  const model = LlamaModel.load(modelFile);
  const generations = new Generations(model, contextTokens);
  const context = new GenerationContext({
    model,
    threads: new ThreadChoice(model.parameters, threads, { processors: threads }),
    maxSequences: concurrent,
    cacheTokens: concurrent * contextTokens,
    separate: true,
  });
  return {
    name: 'bare',
    pid: process.pid,
    async run({ prompts, maxTokens }) {
      const start = performance.now();
      for (const [id, text] of prompts.entries()) {
        const prompt = model.vocab.tokenize(text);
        const request = { input: { kind: 'tokens', tokens: [...prompt] }, sampling, maxTokens };
        const command = { type: 'generate' as const, id, owner: 'bench', ...generationSchema.parse(request) };
        context.add(generations.start(command, prompt));
      }
      const timings = prompts.map(() => ({ tokens: 0, first: NaN, last: NaN }));
      while (context.busy) {
        const outcomes = context.step();
        const now = performance.now() - start;
        for (const { id, text = '', finish } of outcomes) {
          const timing = timings[id]!;
          if (finish) timing.tokens = finish.completionTokens;
          if (text === '') continue;
          timing.last = now;
          if (Number.isNaN(timing.first)) timing.first = now;
        }
      }
      return timings;
    },
    async [Symbol.asyncDispose]() {
      context[Symbol.dispose]();
      generations[Symbol.dispose]();
      model[Symbol.dispose]();
    },
  };
}
