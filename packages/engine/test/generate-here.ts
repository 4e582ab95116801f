/** Generations in this process, without an engine, so that tests see tokens. */
import type { LlamaModel } from '@atelier/llama';
import { generationSchema } from '../src/generate-request.ts';
import type { GenerateRequest } from '../src/index.ts';
import type { Outcome } from '../src/protocol.ts';
import type { GenerationContext } from '../src/runner/generation-context.ts';
import { Generations, type Generation } from '../src/runner/generations.ts';

export type Settings = Partial<Omit<GenerateRequest, 'model' | 'owner' | 'timeoutMs'>>;

const made = new Map<LlamaModel, Generations>();

/** What is kept for a model, to be disposed before it. */
export function generationsOf(model: LlamaModel): Generations {
  const generations = made.get(model) ?? new Generations(model, 512);
  made.set(model, generations);
  return generations;
}

/** One generation for each choice of a request. */
export function start(model: LlamaModel, id: number, prompt: Int32Array, settings: Settings): Generation[] {
  const command = generationSchema.parse({ input: { kind: 'tokens', tokens: [...prompt] }, ...settings });
  return generationsOf(model).start({ type: 'generate', id, owner: 'test', ...command }, prompt);
}

/** The tokens of each choice and everything that was reported of it. */
export function generate(model: LlamaModel, context: GenerationContext, prompt: Int32Array, settings: Settings) {
  const generations = start(model, 1, prompt, settings);
  context.add(generations);
  const outcomes: Outcome[] = [];
  while (context.busy) outcomes.push(...context.step());
  return generations.map(({ sequence }) => {
    const own = outcomes.filter(({ choice = 0 }) => choice === sequence.choice);
    return {
      tokens: sequence.tokens.slice(prompt.length),
      text: own.map(({ text = '' }) => text).join(''),
      reasoning: own.map(({ reasoning = '' }) => reasoning).join(''),
      logprobs: own.flatMap(({ logprobs = [] }) => logprobs),
      finish: own.at(-1)!.finish!,
      error: own.at(-1)!.error,
    };
  });
}
