import path from 'node:path';
import { AtelierError } from '@atelier/errors';
import type { ModelCapabilities } from '../../storage/database/tables.ts';
import { MetadataReader, readGguf } from '@atelier/llama/gguf';
import { trainableModel } from '@atelier/tuner/models';

export type ModelFacts = {
  /** `general.architecture`; only those that the tuner can train are registered. */
  family: string;
  contextLength: number;
  parameters: number;
  /** Whether the file brings a chat template: then inputs and training rows are rendered through it. */
  chat: boolean;
  /** `fim`: the vocabulary has tokens for filling in the middle. `tools`: the chat template shows tools to the model. `encoder`: it makes vectors, no text. */
  capabilities: ModelCapabilities;
};

/** The names, new and old, of the tokens before the prefix, the suffix and the middle. */
const fimTokens = [
  ['fim_pre', 'prefix'],
  ['fim_suf', 'suffix'],
  ['fim_mid', 'middle'],
];

/**
 * What a base model's file says about itself, read strictly and without native code.
 * @throws AtelierError `invalid_model_file`, `unsupported_model`
 */
export async function readModelFacts(file: string): Promise<ModelFacts> {
  const name = path.basename(file);
  const gguf = await readGguf(file);
  const metadata = new MetadataReader(gguf.metadata, name);
  const type = metadata.string('general.type') ?? 'model';
  if (type !== 'model') throw new AtelierError('invalid_model_file', { file: name, reason: 'it is not a whole model' });
  const { architecture: family, context: contextLength, kind, parameters } = trainableModel(gguf, name);
  const template = metadata.string('tokenizer.chat_template');
  const capabilities = {
    fim: fimTokens.every((keys) => keys.some((key) => metadata.has(`tokenizer.ggml.${key}_token_id`))),
    tools: template !== undefined && /\btools\b/.test(template),
    encoder: kind === 'encoder',
  };
  return { family, contextLength, parameters, chat: kind === 'decoder' && template !== undefined, capabilities };
}
