/** Judges texts and the last turns of conversations: by the classifier that ships, one fine-tuned here, or a Llama Guard. */
import type { ChatMessage, ClassifyRequest, Engine, GenerateRequest, SequenceInput } from '@atelier/engine';
import { AtelierError } from '@atelier/errors';
import type { Identity } from '../access/access.ts';
import { collectGeneration } from '../inference/collect.ts';
import type { Inference } from '../inference/inference.ts';
import type { Models } from '../models/models.ts';
import { categories, type Category, type CategoryScores, scoresFrom } from './categories.ts';
import { guardTurns, parseVerdict } from './llama-guard.ts';
import { pieces } from './pieces.ts';

export type Judged = { scores: CategoryScores; categories: Record<Category, boolean> };
/** Turns in order, the last of which is judged; a text is one turn of a user. */
export type ModeratedInput = { kind: 'text'; text: string } | { kind: 'chat'; messages: ChatMessage[] };
export type Moderation = ReturnType<typeof createModeration>;

export type ModerationParts = {
  inference: Inference;
  models: Models;
  engine: Engine;
  /** The classifier that ships: what the starter model moderates with. */
  shipped: Extract<ClassifyRequest['model'], { path: string }>;
};

/** Score from which on a text counts as one of a category. */
const THRESHOLD = 0.5;
/** A verdict and all hazards. */
const VERDICT_TOKENS = 64;
/** Sequences in one request to the engine. */
const MOST_SEQUENCES = 4096;

type Scored = { task: string; results: { name: string; labels: readonly string[]; values: readonly number[] }[][] };

export function createModeration({ inference, models, engine, shipped }: ModerationParts) {
  async function byClassifier(
    inputs: readonly ModeratedInput[],
    name: string,
    sequencesOf: (input: ModeratedInput) => SequenceInput[],
    classify: (part: SequenceInput[]) => Promise<Scored>,
  ): Promise<CategoryScores[]> {
    const parts = inputs.flatMap((input, index) => sequencesOf(input).map((sequence) => ({ index, sequence })));
    const scores = inputs.map(() => scoresFrom(() => 0));
    for (let from = 0; from < parts.length; from += MOST_SEQUENCES) {
      const part = parts.slice(from, from + MOST_SEQUENCES);
      const { results } = await classify(part.map(({ sequence }) => sequence));
      for (const [at, targets] of results.entries()) addScores(scores[part[at]!.index]!, targets, name);
    }
    return scores;
  }

  /** One after the other: a request is not to fill all places of the model. */
  async function byGuard(
    identity: Identity,
    inputs: readonly ModeratedInput[],
    name: string,
    signal: AbortSignal,
  ): Promise<CategoryScores[]> {
    const scores: CategoryScores[] = [];
    for (const input of inputs) {
      const messages = guardTurns(
        input.kind === 'text'
          ? [{ role: 'user', content: input.text }]
          : input.messages.map((message) => ({ role: message.role, content: wordsOf(message) })),
      );
      const request: Omit<GenerateRequest, 'model' | 'owner'> = {
        input: { kind: 'chat', messages },
        maxTokens: VERDICT_TOKENS,
        sampling: { temperature: 0 },
      };
      const { choices } = await collectGeneration(inference.generateWith(identity, name, request, signal));
      const verdict = parseVerdict(choices[0]!.text);
      if (!verdict)
        throw new AtelierError('invalid_request', {
          reason: `The model ${name} does not moderate: it answered neither "safe" nor "unsafe" with the hazards that it saw`,
        });
      scores.push(verdict);
    }
    return scores;
  }

  return {
    /**
     * What each input falls into, by the model of that name or alias.
     * @throws AtelierError `unknown_model`; `invalid_request` for a model that does not moderate; what the engine throws
     */
    async judge(
      identity: Identity,
      name: string,
      inputs: readonly ModeratedInput[],
      signal: AbortSignal,
    ): Promise<Judged[]> {
      const { ref, task } = await models.serve(identity, name);
      const scores =
        task === undefined && 'path' in ref && ref.path === shipped.path
          ? await byClassifier(inputs, name, sentencesOf, (part) =>
              engine.classify({ model: shipped, owner: identity.workspaceId, inputs: part }, signal),
            )
          : task === 'classification'
            ? await byClassifier(inputs, name, whole, (part) =>
                inference.classifyWith(identity, name, { inputs: part }, signal),
              )
            : await byGuard(identity, inputs, name, signal);
      return scores.map((each) => ({ scores: each, categories: booleans(each) }));
    },
  };
}

function booleans(scores: CategoryScores): Judged['categories'] {
  return Object.fromEntries(
    categories.map((category) => [category, scores[category] >= THRESHOLD]),
  ) as Judged['categories'];
}

/** The highest score that any piece of a text has counts. @throws AtelierError `invalid_request` */
function addScores(scores: CategoryScores, targets: Scored['results'][number], name: string): void {
  let known = false;
  for (const { labels, values } of targets) {
    for (const [index, label] of labels.entries()) {
      const category = categories.find((each) => each === label);
      if (!category) continue;
      known = true;
      scores[category] = Math.max(scores[category], values[index]!);
    }
  }
  if (!known)
    throw new AtelierError('invalid_request', {
      reason: `The model ${name} does not moderate: none of its labels is a category`,
    });
}

/** What ships judges sentences, of a conversation those of the last turn. */
function sentencesOf(input: ModeratedInput): SequenceInput[] {
  const text = input.kind === 'text' ? input.text : wordsOf(input.messages.at(-1)!);
  return pieces(text).map((sentence) => ({ kind: 'text', text: sentence }));
}

/** What somebody fine-tuned judges what it was trained on. */
function whole(input: ModeratedInput): SequenceInput[] {
  return [input];
}

/** What a turn says: of calls of functions, their arguments. */
function wordsOf({ content, tool_calls: calls = [] }: ChatMessage): string {
  return [content, ...calls.map((call) => call.function.arguments)].filter(Boolean).join('\n');
}
