import type { SequenceInput, Vector } from '@atelier/engine';
import type { z } from 'zod';
import { identityOf } from '../../../http/identity.ts';
import { requestSignal } from '../../../http/request-signal.ts';
import type { Operation } from '../operation.ts';
import { embeddingRequestSchema, embeddingResponseSchema } from '../schemas/embeddings.ts';
import { errorResponses } from '../schemas/errors.ts';

export const createEmbeddings: Operation = (app, { inference }) => {
  app.post(
    '/v1/embeddings',
    {
      schema: {
        operationId: 'createEmbedding',
        tags: ['Embeddings'],
        summary: 'Create embeddings',
        body: embeddingRequestSchema,
        response: { 200: embeddingResponseSchema, ...errorResponses },
      },
    },
    async (request) => {
      const { model, input, dimensions, encoding_format } = request.body;
      const { vectors, usage } = await inference.embedWith(
        identityOf(request),
        model,
        { inputs: sequences(input), ...(dimensions && { dimensions }) },
        requestSignal(request),
      );
      return {
        object: 'list' as const,
        data: vectors.map((vector, index) => ({
          object: 'embedding' as const,
          index,
          embedding: encoding_format === 'base64' ? littleEndian(vector) : Array.from(vector),
        })),
        model,
        usage: { prompt_tokens: usage.promptTokens, total_tokens: usage.promptTokens },
      };
    },
  );
};

/** A text, tokens, or a list of either. */
function sequences(input: z.infer<typeof embeddingRequestSchema>['input']): SequenceInput[] {
  if (typeof input === 'string') return [{ kind: 'text', text: input }];
  if (isTokens(input)) return [{ kind: 'tokens', tokens: input }];
  return input.map((each) =>
    typeof each === 'string' ? { kind: 'text', text: each } : { kind: 'tokens', tokens: each },
  );
}

function isTokens(input: readonly (string | number | number[])[]): input is number[] {
  return typeof input[0] === 'number';
}

/** Numbers of 32 bits in base64, as clients read them. */
function littleEndian(vector: Vector): string {
  const bytes = Buffer.alloc(vector.length * 4);
  for (const [index, x] of vector.entries()) bytes.writeFloatLE(x, index * 4);
  return bytes.toString('base64');
}
