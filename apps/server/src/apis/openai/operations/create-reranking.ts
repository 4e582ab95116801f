import { identityOf } from '../../../http/identity.ts';
import { requestSignal } from '../../../http/request-signal.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { rerankingRequestSchema, rerankingSchema } from '../schemas/reranking.ts';

export const createReranking: Operation = (app, { inference }) => {
  app.post(
    '/v1/rerank',
    {
      schema: {
        operationId: 'createReranking',
        tags: ['Embeddings'],
        summary: 'Rank documents for a query',
        body: rerankingRequestSchema,
        response: { 200: rerankingSchema, ...errorResponses },
      },
    },
    async (request) => {
      const { model, query, documents, top_n, return_documents } = request.body;
      const texts = documents.map((document) => (typeof document === 'string' ? document : document.text));
      const { scores, usage } = await inference.rerankWith(
        identityOf(request),
        model,
        { query, documents: texts },
        requestSignal(request),
      );
      const results = scores.map((relevance_score, index) => ({
        index,
        relevance_score,
        ...(return_documents && { document: { text: texts[index]! } }),
      }));
      results.sort((a, b) => b.relevance_score - a.relevance_score);
      return {
        model,
        results: results.slice(0, top_n ?? results.length),
        usage: { prompt_tokens: usage.promptTokens, total_tokens: usage.promptTokens },
      };
    },
  );
};
