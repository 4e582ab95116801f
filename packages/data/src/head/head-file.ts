/**
 * head.json: the head that a checkpoint of a classification, regression, embedding or reward model has beside its weights,
 * computed in TypeScript on the model's hidden state after the output norm.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { AtelierError } from '@atelier/errors';
import { z } from 'zod';

export const headFileName = 'head.json';

/** A head of 64 targets of 4096 labels on 16384 numbers would still be refused by its size; none comes near. */
const maxOutputs = 1 << 18;

const label = z.string().max(1024);

export const headFileSchema = z.strictObject({
  version: z.literal(1),
  task: z.enum(['classification', 'regression', 'embedding', 'reward']),
  /** Which hidden states of a sequence count: their mean, the last token's, the first's. */
  pooling: z.enum(['mean', 'last', 'cls']),
  /** Embedding: the vector is divided by its length. */
  normalise: z.boolean(),
  /** Numbers in a hidden state. */
  width: z
    .int()
    .min(1)
    .max(1 << 20),
  /** In the order of their outputs; none for an embedding. */
  targets: z
    .array(
      z.strictObject({
        name: z.string().max(256),
        /** Softmax over the labels, a sigmoid for each label, or one number. */
        kind: z.enum(['single', 'multi', 'scalar']),
        /** None for a scalar. */
        labels: z.array(label),
      }),
    )
    .max(64),
  /** Little-endian F32 [outputs][width], base64. */
  weight: z.string(),
  /** Little-endian F32 [outputs], base64. */
  bias: z.string(),
});
export type HeadFile = z.infer<typeof headFileSchema>;

/** A head ready to be applied: output o of a pooled hidden state h is weight[o] . h + bias[o]. */
export type Head = Omit<HeadFile, 'version' | 'weight' | 'bias'> & {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
};

/** The text's head. Throws `invalid_model_file`, naming `file` and the field, where it is none. */
export function parseHead(text: string, file: string): Head {
  const invalid = (reason: string): AtelierError => new AtelierError('invalid_model_file', { file, reason });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw invalid('it is not JSON');
  }
  const parsed = headFileSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw invalid(`${issue.path.join('.')}: ${issue.message}`);
  }
  const { version: _, weight, bias, ...head } = parsed.data;
  for (const [index, { kind, labels }] of head.targets.entries()) {
    if (kind === 'scalar' ? labels.length > 0 : labels.length === 0)
      throw invalid(`targets.${index}.labels: ${labels.length} labels for kind ${kind}`);
  }
  const outputs = headOutputs(head.targets);
  if (outputs > maxOutputs) throw invalid(`targets: ${outputs} outputs are more than ${maxOutputs}`);
  const floats = (field: 'weight' | 'bias', base64: string, count: number): Float32Array => {
    const bytes = Buffer.from(base64, 'base64');
    if (bytes.length !== count * 4) throw invalid(`${field}: ${bytes.length} bytes where ${count * 4} are due`);
    const numbers = Float32Array.from({ length: count }, (_unused, i) => bytes.readFloatLE(i * 4));
    if (!numbers.every(Number.isFinite)) throw invalid(`${field}: holds a number that is not finite`);
    return numbers;
  };
  return {
    ...head,
    weight: floats('weight', weight, outputs * head.width),
    bias: floats('bias', bias, outputs),
  };
}

/** The head in a checkpoint's directory, undefined when there is none. Throws as `parseHead`. */
export async function readHead(directory: string): Promise<Head | undefined> {
  const file = path.join(directory, headFileName);
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  return text === undefined ? undefined : parseHead(text, file);
}

/** What head.json holds for a head. */
export function encodeHead({ weight, bias, ...head }: Head): HeadFile {
  const base64 = (numbers: Float32Array): string => {
    const bytes = Buffer.alloc(numbers.length * 4);
    for (const [i, number] of numbers.entries()) bytes.writeFloatLE(number, i * 4);
    return bytes.toString('base64');
  };
  return { version: 1, ...head, weight: base64(weight), bias: base64(bias) };
}

function headOutputs(targets: HeadFile['targets']): number {
  return targets.reduce((sum, { kind, labels }) => sum + (kind === 'scalar' ? 1 : labels.length), 0);
}
