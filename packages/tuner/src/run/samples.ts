/**
 * What the model says as it learns: the most likely answers to a few prompts, written out with the weights that are being
 * trained, by the graph of a validation. Every token takes a forward pass over all of its sequence, so few and short ones.
 */
import { setImmediate } from 'node:timers/promises';
import { promptTokens, type DatasetRecord, type Prompt } from '@atelier/data';
import { LlamaModel } from '@atelier/llama';
import type { RunEvent, RunSpec } from '../contract/index.ts';
import type { Device } from '../graph/device.ts';
import type { Weights } from '../models/weights.ts';
import { nextTokenLoss } from '../objectives/generation.ts';
import type { Setting } from '../objectives/objective.ts';
import { allRecords, withPromptModel } from '../objectives/records.ts';
import type { BatchLayout } from './batch.ts';
import { BatchProgram } from './batch-program.ts';

type Question = { readonly shown: string; readonly prompt: Prompt; readonly expected?: string };

export type Samples = {
  readonly questions: readonly (Question & { readonly tokens: Int32Array })[];
  /** Absent when there is nothing to ask. */
  readonly layout: BatchLayout | undefined;
};

type SampleEvent = Extract<RunEvent, { type: 'sample' }>;
export type Answer = Omit<SampleEvent, 'type' | 'at' | 'step'>;

/** The prompts that the spec names, or those of the first validation records that have an answer; those too long for the model are left out. */
export async function readSamples(setting: Setting): Promise<Samples> {
  const { spec, validation, weights } = setting;
  const { samples } = spec;
  const generates = spec.task === 'generation' || spec.task === 'preference';
  if (!generates || samples.count === 0) return { questions: [], layout: undefined };
  return withPromptModel(setting, async (model) => {
    const raw = model.template === undefined || spec.promptFormat === 'raw';
    const asked: Question[] = samples.prompts.map((text) => ({ shown: text, prompt: asPrompt(text, raw) }));
    if (asked.length === 0) asked.push(...(await firstQuestions(validation, samples.count, raw)));
    const questions: Samples['questions'][number][] = [];
    for (const question of asked.slice(0, samples.count)) {
      const tokens = await promptTokens(model, question.prompt);
      if (tokens.length > 0 && tokens.length + samples.maxTokens <= weights.config.context)
        questions.push({ ...question, tokens });
    }
    if (questions.length === 0) return { questions, layout: undefined };
    const longest = Math.max(...questions.map(({ tokens }) => tokens.length));
    const bins = questions.length;
    return { questions, layout: { length: longest + samples.maxTokens, bins, wanted: bins } };
  });
}

async function firstQuestions(files: readonly string[], count: number, raw: boolean): Promise<Question[]> {
  const found: Question[] = [];
  for await (const record of allRecords(files)) {
    if (found.length === count) break;
    const question = questionOf(record, raw);
    if (question) found.push(question);
  }
  return found;
}

function questionOf(record: DatasetRecord, raw: boolean): Question | undefined {
  switch (record.kind) {
    case 'completion':
      return { shown: record.prompt, prompt: asPrompt(record.prompt, raw), expected: record.completion };
    case 'conversation': {
      const end = record.messages.findLastIndex(({ role }) => role === 'assistant');
      if (end < 1 || raw) return undefined;
      const messages = record.messages.slice(0, end);
      return {
        shown: messages.at(-1)!.content,
        prompt: { kind: 'chat', messages, tools: record.tools },
        expected: record.messages[end]!.content,
      };
    }
    case 'preference': {
      const { messages, chosen } = record;
      return raw
        ? undefined
        : { shown: messages.at(-1)!.content, prompt: { kind: 'chat', messages }, expected: chosen };
    }
    default:
      return undefined;
  }
}

function asPrompt(text: string, raw: boolean): Prompt {
  return raw ? { kind: 'raw', text } : { kind: 'chat', messages: [{ role: 'user', content: text }] };
}

/** Answers of the weights as they are. `requested` stops between two tokens: then there are none. */
export async function answerSamples(
  { spec, device, weights, baseModel }: { spec: RunSpec; device: Device; weights: Weights; baseModel: string },
  { questions, layout }: Samples,
  requested: () => unknown,
): Promise<Answer[]> {
  if (!layout) return [];
  using model = LlamaModel.load(baseModel, { vocabOnly: true });
  using program = new BatchProgram(device, weights, nextTokenLoss, layout, {
    train: false,
    recompute: false,
    dropout: 0,
  });
  const { length, bins } = layout;
  const tokens = new Int32Array(length * bins);
  const ends = questions.map((question, bin) => {
    tokens.set(question.tokens, bin * length);
    return question.tokens.length;
  });
  const finished = questions.map(() => false);
  for (let i = 0; i < spec.samples.maxTokens && finished.includes(false); i++) {
    await setImmediate();
    if (requested()) return [];
    const { outputs } = program.run({
      tokens,
      positions: Int32Array.from(tokens, (_, at) => at % length),
      stretches: ends.map((to) => [{ from: 0, to }]),
      wanted: Int32Array.from(ends, (end, bin) => bin * length + end - 1),
      targets: new Int32Array(bins),
      weights: new Float32Array(bins).fill(1),
      tokenCount: ends.reduce((sum, end) => sum + end, 0),
      weightSum: bins,
    });
    for (const [bin, end] of ends.entries()) {
      if (finished[bin]) continue;
      const token = outputs['predicted']![bin]!;
      if (model.vocab.isEog(token)) finished[bin] = true;
      else {
        tokens[bin * length + end] = token;
        ends[bin] = end + 1;
      }
    }
  }
  return questions.map(({ shown, expected, tokens: prompt }, bin) => ({
    position: bin,
    prompt: shown,
    ...(expected !== undefined && { expected }),
    text: model.vocab.detokenize(tokens.slice(bin * length + prompt.length, bin * length + ends[bin]!)),
    ended: finished[bin]!,
  }));
}
