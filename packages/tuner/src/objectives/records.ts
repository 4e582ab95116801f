/** Record files read with the base model's own vocabulary. */
import {
  createTemplateRenderer,
  promptModelOf,
  readRecords,
  type DatasetRecord,
  type PromptModel,
} from '@atelier/data';
import { LlamaModel } from '@atelier/llama';
import type { Setting } from './objective.ts';

/** A trainer keeps its machine busy, and nobody waits for one rendering: generous, but not for ever. */
const templateTimeoutMs = 20_000;

/** Runs `read` with the base model's vocabulary and template, which are let go of afterwards. */
export async function withPromptModel<T>(
  { baseModel, now }: Pick<Setting, 'baseModel' | 'now'>,
  read: (model: PromptModel) => Promise<T>,
): Promise<T> {
  using model = LlamaModel.load(baseModel, { vocabOnly: true });
  await using renderer = createTemplateRenderer({ timeoutMs: templateTimeoutMs });
  return await read({ ...promptModelOf(model.vocab, model.chatTemplate, renderer), now });
}

export async function* allRecords(files: readonly string[]): AsyncIterable<DatasetRecord> {
  for (const file of files) yield* readRecords(file);
}
