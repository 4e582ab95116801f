/**
 * events.jsonl, what a trainer tells whoever watches it: one JSON object a line, append-only, fsynced before the thing it
 * announces is relied upon. A resumed run appends; steps after the checkpoint it resumed from are reported again, and the
 * later report counts. A line cut short by a kill is dropped on resume.
 */
import { z } from 'zod';

const at = z.number();
const step = z.int().min(0);

export const runEventSchema = z.discriminatedUnion('type', [
  /** Once per start: what will be done. Tasks that count rows have those for supervised tokens. `resumedFrom` is the step of the checkpoint, 0 for a fresh start. */
  z.object({
    type: z.literal('plan'),
    at,
    totalSteps: step,
    epochs: z.number(),
    rows: step,
    tokensPerEpoch: step,
    supervisedTokensPerEpoch: step,
    truncatedRows: step,
    trainableParameters: step,
    parameters: step,
    /** Memory at its most, as preflight tells it. */
    bytes: step,
    backend: z.string(),
    blas: z.string().nullable(),
    /** Of the device; a resumed run keeps them, because a BLAS sums otherwise with others. */
    threads: z.int().min(1).exactOptional(),
    resumedFrom: step,
  }),
  z.object({
    type: z.literal('state'),
    at,
    state: z.enum(['running', 'succeeded', 'failed', 'cancelled', 'interrupted']),
    /** How much of the machine's memory the trainer held at its most since it started. */
    peakBytes: step.exactOptional(),
  }),
  /** After each optimizer step. `loss` is the mean over supervised tokens, or over rows by their weights in tasks that count rows, in nats save for numbers and scored pairs; `secondsLeft` the trainer's estimate. Preferences: `rows` examples, `rewardMargin` and `accuracy` as in `validation`, before the step. */
  z.object({
    type: z.literal('step'),
    at,
    step,
    epoch: z.number(),
    loss: z.number(),
    learningRate: z.number(),
    gradientNorm: z.number(),
    tokens: step,
    tokensPerSecond: z.number(),
    secondsLeft: z.number(),
    rows: step.exactOptional(),
    accuracy: z.number().exactOptional(),
    rewardMargin: z.number().exactOptional(),
  }),
  /**
   * `loss` is a mean as that of `step`. Generation: `tokenAccuracy` over `tokens`. Tasks that count rows: `rows`, with
   * `accuracy` and `macroF1` (mean over labels and targets) of classifications, `meanAbsoluteError` and `spearman` of
   * numbers (means over targets), `accuracy` of preferences and of unscored pairs (the right second among the batch's),
   * `spearman` of scored pairs. Preferences also have `rewardMargin`, by how much the mean reward of chosen answers exceeds that of
   * rejected ones.
   */
  z.object({
    type: z.literal('validation'),
    at,
    step,
    loss: z.number(),
    /** No loss before was as low. */
    best: z.boolean(),
    tokens: step.exactOptional(),
    tokenAccuracy: z.number().exactOptional(),
    rows: step.exactOptional(),
    accuracy: z.number().exactOptional(),
    macroF1: z.number().exactOptional(),
    meanAbsoluteError: z.number().exactOptional(),
    spearman: z.number().exactOptional(),
    rewardMargin: z.number().exactOptional(),
  }),
  /** At a validation, the model's most likely answer to a prompt, as the spec asks for in `samples`. */
  z.object({
    type: z.literal('sample'),
    at,
    step,
    /** Of the prompt among those of the step, from 0. */
    position: step,
    /** Of a conversation its last message. */
    prompt: z.string(),
    expected: z.string().exactOptional(),
    text: z.string(),
    /** The model ended it; false: it was cut at `maxTokens`. */
    ended: z.boolean(),
  }),
  /** `path` is relative to the run directory; `file` inside it is the adapter (LoRA) or the model (full), GGUF; `head` the file beside it of tasks that have one. */
  z.object({
    type: z.literal('checkpoint'),
    at,
    step,
    epoch: z.number(),
    path: z.string(),
    file: z.string(),
    sha256: z.string(),
    bytes: step,
    /** Where there was a validation at this step: its loss, and whether it was the lowest until then. */
    validationLoss: z.number().exactOptional(),
    best: z.boolean().exactOptional(),
    head: z.object({ file: z.string(), sha256: z.string(), bytes: step }).exactOptional(),
  }),
  /** Validation has not improved for as long as was asked; the run ends as succeeded. `bestStep` has a checkpoint. */
  z.object({ type: z.literal('early-stop'), at, step, bestStep: step, bestLoss: z.number() }),
  /** `code` of the error catalogue, with the details of its message. */
  z.object({
    type: z.literal('error'),
    at,
    code: z.string(),
    details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    message: z.string(),
  }),
]);
export type RunEvent = z.infer<typeof runEventSchema>;
