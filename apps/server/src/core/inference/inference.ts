/** Answers from deployments. */
import type { TargetScores } from '@atelier/data';
import type {
  ChatMessage,
  Classification,
  ClassifyRequest,
  Embeddings,
  EmbedRequest,
  Engine,
  GenerateEvent,
  GenerateRequest,
  Reranking,
  RerankRequest,
  TokenizeRequest,
  Vector,
} from '@atelier/engine';
import { AtelierError } from '@atelier/errors';
import type { Identity } from '../access/access.ts';
import type { Deployments } from '../deployments/deployments.ts';
import type { Models } from '../models/models.ts';
import { promptInput } from './prompt-input.ts';

export type Inference = ReturnType<typeof createInference>;

type Place = { projectId: string; deploymentId: string };

export type Generation = Place & {
  /** A prompt is given to the model the way training gave it: as one user turn where it has a chat template. */
  input: { prompt: string } | { messages: ChatMessage[] };
  maxTokens: number;
  sampling: NonNullable<GenerateRequest['sampling']>;
};

export function createInference(parts: { models: Models; deployments: Deployments; engine: Engine }) {
  /** A deployment that is up and was trained for one of `tasks`. */
  async function ready(
    identity: Identity,
    { projectId, deploymentId }: Place,
    tasks: readonly string[],
    wanted: string,
  ) {
    const up = await parts.deployments.serve(identity, projectId, deploymentId);
    const { task, state } = up ?? (await parts.deployments.get(identity, projectId, deploymentId));
    requireTask(task, tasks, wanted);
    if (!up) throw new AtelierError('invalid_request', { reason: `The deployment is not deployed (${state})` });
    return up;
  }

  return {
    /**
     * Text as it is generated, then one `finish`. Nothing is generated before the first event is asked for.
     * @throws AtelierError `not_found`, `invalid_request` when the deployment is not up, and what the engine throws
     */
    async *generate(
      identity: Identity,
      generation: Generation,
      signal: AbortSignal,
    ): AsyncGenerator<GenerateEvent, void, void> {
      const { input, maxTokens, sampling } = generation;
      const { model, model_name, chat } = await ready(identity, generation, ['generation', 'preference'], 'text');
      if ('messages' in input && !chat) {
        throw new AtelierError('invalid_request', {
          reason: `The base model ${model_name} has no chat template: use completions`,
        });
      }
      const given: GenerateRequest['input'] =
        'messages' in input ? { kind: 'chat', messages: input.messages } : promptInput(input.prompt, chat);
      yield* parts.engine.generate({ model, owner: identity.workspaceId, input: given, maxTokens, sampling }, signal);
    },

    /**
     * The same from a model by its name or alias: a base model or one that a job made.
     * @throws AtelierError `unknown_model`, `invalid_request` when it has no chat template, and what the engine throws
     */
    async *generateWith(
      identity: Identity,
      name: string,
      request: Omit<GenerateRequest, 'model' | 'owner'>,
      signal: AbortSignal,
    ): AsyncGenerator<GenerateEvent, void, void> {
      const { ref, chat } = await parts.models.serve(identity, name);
      if (request.input.kind === 'chat' && !chat)
        throw new AtelierError('invalid_request', { reason: `The model ${name} has no chat template` });
      yield* parts.engine.generate({ ...request, model: ref, owner: identity.workspaceId }, signal);
    },

    /**
     * What the head of a fine-tuned model says of each input, by the model's name or alias.
     * @throws AtelierError `unknown_model`, `invalid_request` when it was not trained to classify, and what the engine throws
     */
    async classifyWith(
      identity: Identity,
      name: string,
      request: Omit<ClassifyRequest, 'model' | 'owner'>,
      signal: AbortSignal,
    ): Promise<Classification> {
      const { ref, task } = await parts.models.serve(identity, name);
      if (task !== 'classification')
        throw new AtelierError('invalid_request', {
          reason: `The model ${name} ${task ? `was trained for ${task}` : 'is a base model'}: it does not classify; fine-tune a classifier first`,
        });
      // What a job made runs here, with the head of its task.
      const model = ref as ClassifyRequest['model'];
      return parts.engine.classify({ ...request, model, owner: identity.workspaceId }, signal);
    },

    /** Vectors of a model by its name or alias. @throws AtelierError `unknown_model`, and what the engine throws */
    async embedWith(
      identity: Identity,
      name: string,
      request: Omit<EmbedRequest, 'model' | 'owner'>,
      signal: AbortSignal,
    ): Promise<Embeddings> {
      const { ref: model } = await parts.models.serve(identity, name);
      return parts.engine.embed({ ...request, model, owner: identity.workspaceId }, signal);
    },

    /** How near documents are to a query, by a model's name or alias. @throws AtelierError `unknown_model`, and what the engine throws */
    async rerankWith(
      identity: Identity,
      name: string,
      request: Omit<RerankRequest, 'model' | 'owner'>,
      signal: AbortSignal,
    ): Promise<Reranking> {
      const { ref: model } = await parts.models.serve(identity, name);
      return parts.engine.rerank({ ...request, model, owner: identity.workspaceId }, signal);
    },

    /**
     * The tokens of a prompt as a model would get them, and how many a prompt and its answer may have together; 0 where a
     * remote model does not tell.
     * @throws AtelierError `unknown_model`, and what the engine throws
     */
    async tokenizeWith(
      identity: Identity,
      name: string,
      input: TokenizeRequest['input'],
      signal: AbortSignal,
    ): Promise<{ tokens: number[]; contextTokens: number }> {
      const { ref: model, contextTokens } = await parts.models.serve(identity, name);
      const request = { model, owner: identity.workspaceId, input, tokens: true };
      const { tokens = [] } = await parts.engine.tokenize(request, signal);
      return { tokens, contextTokens };
    },

    /**
     * What the deployment's head says of a text, by target.
     * @throws AtelierError `not_found`, `invalid_request` when it is not up or was trained for something else
     */
    async classify(
      identity: Identity,
      { input, ...place }: Place & { input: string },
      signal: AbortSignal,
    ): Promise<TargetScores[]> {
      // Heads are never run elsewhere.
      const { local: model } = await ready(identity, place, ['classification', 'regression'], 'classification');
      const request = { owner: identity.workspaceId, inputs: [{ kind: 'text' as const, text: input }] };
      const { results } = await parts.engine.classify({ ...request, model: { ...model, head: model.head! } }, signal);
      return results[0]!;
    },

    /** A vector for each text. @throws as `classify` */
    async embed(
      identity: Identity,
      { inputs, ...place }: Place & { inputs: readonly string[] },
      signal: AbortSignal,
    ): Promise<Vector[]> {
      const { local: model } = await ready(identity, place, ['embedding'], 'embeddings');
      const texts = inputs.map((text) => ({ kind: 'text' as const, text }));
      const { vectors } = await parts.engine.embed({ model, owner: identity.workspaceId, inputs: texts }, signal);
      return vectors;
    },
  };
}

/** @throws AtelierError `invalid_request` */
function requireTask(task: string, tasks: readonly string[], wanted: string): void {
  if (!tasks.includes(task))
    throw new AtelierError('invalid_request', {
      reason: `The deployment was trained for ${task}: it gives no ${wanted}`,
    });
}
