import path from 'node:path';
import { checkModel, type ModelFile } from '@atelier/engine';
import { type AtelierError, isAtelierError } from '@atelier/errors';
import type { ModelCapabilities } from '../../storage/database/tables.ts';
import { type GgufFile, MetadataReader, readGguf } from '@atelier/llama/gguf';
import { trainableModel } from '@atelier/tuner/models';

export type ModelFacts = {
  /** `general.architecture` */
  family: string;
  contextLength: number;
  parameters: number;
  /** Whether the file brings a chat template: then inputs and training rows are rendered through it. */
  chat: boolean;
  /** `fim`: the vocabulary has tokens for filling in the middle. `tools`: the chat template shows tools to the model. `encoder`: it makes vectors, no text. */
  capabilities: ModelCapabilities;
  /** Why it can be served but not trained. */
  untrainable?: AtelierError;
};

/** The names, new and old, of the tokens before the prefix, the suffix and the middle. */
const fimTokens = [
  ['fim_pre', 'prefix'],
  ['fim_suf', 'suffix'],
  ['fim_mid', 'middle'],
];

/**
 * What a model's file says about itself, read strictly and without native code.
 * @throws AtelierError `invalid_model_file`
 */
export async function readModelFacts(file: string): Promise<ModelFacts> {
  const name = path.basename(file);
  const served = await checkModel(file);
  const gguf = await readGguf(file);
  const metadata = new MetadataReader(gguf.metadata, name);
  const known = whatTrainingSays(gguf, name, served);
  const encoder = known.kind === 'encoder';
  const capabilities = {
    fim: fimTokens.every((keys) => keys.some((key) => metadata.has(`tokenizer.ggml.${key}_token_id`))),
    tools: served.chatTemplate !== undefined && /\btools\b/.test(served.chatTemplate),
    encoder,
  };
  const { parameters, untrainable } = known;
  return {
    family: served.architecture,
    contextLength: served.contextTokens,
    parameters,
    chat: !encoder && served.chatTemplate !== undefined,
    capabilities,
    ...(untrainable && { untrainable }),
  };
}

/** A reranker's head is no part of what can be trained, and many architectures are not. Other faults are the file's. */
function whatTrainingSays(
  gguf: GgufFile,
  name: string,
  { architecture, ranks }: ModelFile,
): Pick<ModelFacts, 'parameters' | 'untrainable'> & { kind: 'decoder' | 'encoder' } {
  try {
    return trainableModel(gguf, name);
  } catch (error) {
    if (!isAtelierError(error) || !(ranks || error.code === 'unsupported_model')) throw error;
    const causal = new MetadataReader(gguf.metadata, name).boolean(`${architecture}.attention.causal`);
    return {
      kind: ranks || causal === false ? 'encoder' : 'decoder',
      parameters: gguf.tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0),
      untrainable: error as AtelierError,
    };
  }
}

/** What a row of `models` says of the file. */
export function modelColumns({ contextLength, capabilities, ...same }: Omit<ModelFacts, 'untrainable'>, file: string) {
  return { ...same, context_length: contextLength, capabilities: JSON.stringify(capabilities), path: file };
}
