/** Vectors, scores and rankings, each by what a model's runner encodes. */
import path from 'node:path';
import { AtelierError } from '@atelier/errors';
import type { z } from 'zod';
import { embeddingIn, normalised } from './embedding-form.ts';
import { scoresOf, type Encoded, type Encoding } from './encode.ts';
import type {
  Classification,
  classifyRequestSchema,
  embedRequestSchema,
  Embeddings,
  Reranking,
  rerankRequestSchema,
} from './encode-request.ts';
import { maxVectorBytes } from './limits.ts';
import type { ModelFile } from './model-check.ts';

type Checked<S extends z.ZodType> = z.output<S>;
export type Encode = (encoding: Omit<Encoding, 'adapter' | 'head'>) => Promise<Encoded>;

export async function embed(
  { inputs, pooling, dimensions, form, truncate, ...request }: Checked<typeof embedRequestSchema>,
  { width }: ModelFile,
  encode: Encode,
): Promise<Embeddings> {
  if (form !== 'float' && request.normalise === false) throw invalid(`form: ${form} is only for normalised vectors`);
  if (dimensions !== undefined && dimensions > width) throw invalid(`dimensions: the model's vectors have ${width}`);
  checkSize(inputs.length, width);
  const { rows, head, usage } = await encode({ inputs, pooling, results: 'hidden', truncate });
  const normalise = request.normalise ?? (form !== 'float' || (head?.normalise ?? true));
  return { vectors: rows.map((row) => embeddingIn(row, { dimensions, normalise, form })), usage };
}

export async function classify(
  { inputs, model, truncate }: Checked<typeof classifyRequestSchema>,
  encode: Encode,
): Promise<Classification> {
  const { rows, head, usage } = await encode({ inputs, pooling: undefined, results: 'head', truncate });
  const { task, targets } = head!;
  if (task === 'embedding')
    throw invalid(`${path.basename(model.head.path)} is a head for embeddings and says nothing of a text`);
  return { task, results: rows.map((row) => scoresOf(row, targets)), usage };
}

export async function rerank(
  { query, documents, truncate }: Checked<typeof rerankRequestSchema>,
  { ranks, width }: ModelFile,
  encode: Encode,
): Promise<Reranking> {
  if (ranks) {
    const inputs = documents.map((document) => ({ kind: 'pair' as const, query, document }));
    const { rows, usage } = await encode({ inputs, pooling: 'rank', results: 'hidden', truncate });
    return { by: 'reranker', scores: rows.map((row) => row[0]!), usage };
  }
  const inputs = [query, ...documents].map((text) => ({ kind: 'text' as const, text }));
  checkSize(inputs.length, width);
  const { rows, usage } = await encode({ inputs, pooling: undefined, results: 'hidden', truncate });
  const [target, ...vectors] = rows.map(normalised);
  const scores = vectors.map((vector) => vector.reduce((sum, x, index) => sum + x * target![index]!, 0));
  return { by: 'cosine', scores, usage };
}

function checkSize(count: number, width: number): void {
  const most = Math.floor(maxVectorBytes / 4 / width);
  if (count > most) throw invalid(`inputs: at most ${most} vectors of ${width} numbers in one request`);
}

function invalid(reason: string): AtelierError {
  return new AtelierError('invalid_request', { reason });
}
