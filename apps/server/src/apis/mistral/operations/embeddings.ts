import { randomBytes } from 'node:crypto';
import type { Vector } from '@atelier/engine';
import { identityOf } from '../../../http/identity.ts';
import { requestSignal } from '../../../http/request-signal.ts';
import type { Operation } from '../operation.ts';
import { embeddingRequestSchema, embeddingResponseSchema } from '../schemas/embeddings.ts';
import { errorResponses } from '../schemas/errors.ts';

export const embeddings: Operation = (app, { inference, models }) => {
  app.post(
    '/v1/embeddings',
    {
      schema: {
        operationId: 'embeddings_v1_embeddings_post',
        tags: ['embeddings'],
        summary: 'Embeddings',
        body: embeddingRequestSchema,
        response: { 200: embeddingResponseSchema, ...errorResponses },
      },
    },
    async (request) => {
      const { model, input, output_dimension, output_dtype, encoding_format } = request.body;
      const identity = identityOf(request);
      const { name } = await models.serve(identity, model);
      const { vectors, usage } = await inference.embedWith(
        identity,
        model,
        {
          inputs: [input].flat().map((text) => ({ kind: 'text', text })),
          form: output_dtype,
          ...(typeof output_dimension === 'number' && { dimensions: output_dimension }),
        },
        requestSignal(request),
      );
      return {
        id: `embd-${randomBytes(16).toString('hex')}`,
        object: 'list' as const,
        model: name,
        data: vectors.map((vector, index) => ({
          object: 'embedding' as const,
          embedding: encoding_format === 'base64' ? base64(vector) : [...vector],
          index,
        })),
        usage: { prompt_tokens: usage.promptTokens, completion_tokens: 0 as const, total_tokens: usage.promptTokens },
      };
    },
  );
};

function base64({ buffer, byteOffset, byteLength }: Vector): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64');
}
