/** What can be asked of a generation, checked before anything else sees it. */
import { chatMessageSchema } from '@atelier/data';
import { z } from 'zod';
import { responseFormatSchema } from './structured/response-format.ts';
import { toolChoiceSchema } from './tools/tool-choice.ts';
import {
  maxAlternatives,
  maxChoices,
  maxGrammarLength,
  maxLogitBiases,
  maxPromptTokens,
  maxStopStringLength,
  maxStopStrings,
  maxTimeoutMs,
} from './limits.ts';

export const modelRefSchema = z.strictObject({
  /** GGUF file of the base model. */
  path: z.string().min(1),
  /** GGUF file of a LoRA adapter for it; `scale` multiplies its effect. */
  adapter: z.strictObject({ path: z.string().min(1), scale: z.number().min(-100).max(100).default(1) }).optional(),
  /** The head.json that belongs to them; generation does not need one. */
  head: z.strictObject({ path: z.string().min(1) }).optional(),
});
export type LocalModelRef = z.input<typeof modelRefSchema>;

export const remoteModelRefSchema = z.strictObject({
  /** The name of a service that the operator registered. */
  remote: z.string().min(1),
  /** The model by the name that the service gives it. */
  model: z.string().min(1).max(500),
  /**
   * A LoRA adapter over it. `name` is what the service calls it, `path` where it finds the files on its own disks;
   * `scale` is for llama-server alone.
   */
  adapter: z
    .strictObject({
      name: z.string().min(1).max(500),
      path: z.string().min(1).optional(),
      scale: z.number().min(-100).max(100).default(1),
    })
    .optional(),
});
export type RemoteModelRef = z.input<typeof remoteModelRefSchema>;

/** A model on this machine, or one that another server runs. */
export type ModelRef = LocalModelRef | RemoteModelRef;

const token = z.int().min(0).max(0x7fff_ffff);

/** The steps act in the order of Hugging Face's and vLLM's: bias, penalties, temperature, then the cuts. */
export const samplingSchema = z.strictObject({
  /** 0 takes the likeliest token each time, and the cuts have no effect. */
  temperature: z.number().min(0).max(100).default(0),
  /** 0 keeps all tokens. */
  topK: z.int().min(0).max(1_000_000).default(0),
  topP: z.number().gt(0).max(1).default(1),
  minP: z.number().min(0).max(1).default(0),
  /** Keeps the tokens whose surprise is nearest to the expected one, up to this share of probability; 1 keeps all. */
  typicalP: z.number().gt(0).max(1).default(1),
  /** With this probability, drops all tokens at least `threshold` likely but the least likely of them. */
  xtc: z.strictObject({ probability: z.number().min(0).max(1), threshold: z.number().gt(0).max(1) }).optional(),
  /** Keeps the surprise of the text near `tau` by learning at the rate `eta`; takes the place of the cuts. */
  mirostat: z
    .strictObject({
      version: z.literal([1, 2]),
      tau: z.number().min(0).max(100).default(5),
      eta: z.number().min(0).max(1).default(0.1),
    })
    .optional(),
  /**
   * The same seed, prompt and settings give the same text, as long as rounding does not decide: requests computed together
   * are summed in another order. Absent: a random one. Each choice of a request goes its own way from it.
   */
  seed: z.int().min(0).max(0xffff_fffe).optional(),
  /** Divides (or, when negative, multiplies) the logits of tokens seen in the prompt or the text; 1 is neutral. */
  repeatPenalty: z.number().gt(0).max(100).default(1),
  /** Subtracted from a token's logit for each time the text has it. */
  frequencyPenalty: z.number().min(-100).max(100).default(0),
  /** Subtracted from a token's logit when the text has it at all. */
  presencePenalty: z.number().min(-100).max(100).default(0),
  /**
   * Subtracts multiplier * base^(length - allowedLength) from the logit of a token that would go on with a run of at
   * least `allowedLength` tokens that prompt or text had before. No run goes past one of the breakers.
   */
  dry: z
    .strictObject({
      multiplier: z.number().min(0).max(100),
      base: z.number().min(1).max(100).default(1.75),
      allowedLength: z.int().min(1).max(1000).default(2),
      breakers: z.array(z.string().min(1).max(40)).max(16).default(['\n', ':', '"', '*']),
    })
    .optional(),
  /** No run of this many tokens occurs twice in prompt and text; 0 allows all. */
  noRepeatNgramSize: z.int().min(0).max(1024).default(0),
  /** Added to the logits of a token, or of each token that a text has by itself. */
  logitBias: z
    .array(
      z.strictObject({ token: z.union([token, z.string().min(1).max(1024)]), bias: z.number().min(-1000).max(1000) }),
    )
    .max(maxLogitBiases)
    .default([]),
});

export const grammarSchema = z.strictObject({
  /** A grammar in GBNF; its rule `root` describes the whole text. Reasoning kept apart is not part of that. */
  gbnf: z.string().min(1).max(maxGrammarLength),
  /**
   * The text is free until one of these has come, and from there to its end what follows the trigger obeys the grammar. A
   * trigger that the vocabulary writes as one special token has to be among `visibleTokens`.
   */
  lazy: z.strictObject({ triggers: z.array(z.string().min(1).max(256)).min(1).max(16) }).optional(),
});

/** A text, a conversation or tokens, as a model gets to read them. */
export const promptInputSchema = z.discriminatedUnion('kind', [
  /** As it is: special tokens written in it are plain text. */
  z.strictObject({ kind: z.literal('text'), text: z.string() }),
  /** Through the chat template of the model's file. */
  z.strictObject({
    kind: z.literal('chat'),
    messages: z.array(chatMessageSchema).min(1).max(10_000),
    tools: z.array(z.unknown()).max(1024).optional(),
    /** How the reply begins; the generation goes on from there and does not repeat it. */
    prefix: z.string().optional(),
  }),
  /** A hole in a text, in the model's own form. Without a suffix, the prefix is gone on with. */
  z.strictObject({ kind: z.literal('fim'), prefix: z.string(), suffix: z.string() }),
  z.strictObject({ kind: z.literal('tokens'), tokens: z.array(token).min(1).max(maxPromptTokens) }),
]);

/** What concerns the generation itself, apart from who asks which model. */
export const generationSchema = z.strictObject({
  input: promptInputSchema,
  /** Absent: as many as the context holds. */
  maxTokens: z.int().min(1).max(0x7fff_ffff).optional(),
  /** The text does not end by itself before it has so many tokens. */
  minTokens: z.int().min(0).max(0x7fff_ffff).default(0),
  /** Generation ends before the first of these; none of it is returned. */
  stop: z.array(z.string().min(1).max(maxStopStringLength)).max(maxStopStrings).default([]),
  /** Tokens that end the generation, as those do that the model knows itself. */
  stopTokens: z.array(token).max(maxStopStrings).default([]),
  /** How many texts to generate after the prompt. */
  choices: z.int().min(1).max(maxChoices).default(1),
  /** Reports each token's log-probability and those of so many likeliest ones. */
  logprobs: z.int().min(0).max(maxAlternatives).optional(),
  grammar: grammarSchema.optional(),
  /** Texts of special tokens that are part of the text where the model generates them; of others nothing is seen. */
  visibleTokens: z.array(z.string().min(1).max(256)).max(16).default([]),
  /** `apart`: what a chat model thinks before it answers comes as events of its own, without the marks around it. */
  reasoning: z.enum(['inline', 'apart']).default('inline'),
  sampling: samplingSchema.prefault({}),
});

export const generateRequestSchema = generationSchema.extend({
  model: modelRefSchema,
  /** Who asks; capacity is shared fairly between owners. */
  owner: z.string(),
  /** The form of the text, which a model of any size keeps to. */
  responseFormat: responseFormatSchema.optional(),
  /** What the model may do with the tools of its chat input; absent, it is shown them, and what it writes is text. */
  toolChoice: toolChoiceSchema.optional(),
  /** Whether it may call more than one tool. */
  parallelToolCalls: z.boolean().default(true),
  /** How long the whole generation may take, waiting included; then it fails with `deadline_exceeded`. */
  timeoutMs: z.int().min(1).max(maxTimeoutMs).optional(),
});
export const remoteGenerateRequestSchema = generateRequestSchema.extend({ model: remoteModelRefSchema });
export type GenerateRequest = AnyModel<z.input<typeof generateRequestSchema>>;

/** A request as callers write it, whoever runs the model. */
export type AnyModel<Request> = Omit<Request, 'model'> & { model: ModelRef };
export type ChatMessage = z.input<typeof chatMessageSchema>;
