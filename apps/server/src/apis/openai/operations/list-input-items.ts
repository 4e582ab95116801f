import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { inputItemListSchema, inputItemsQuery, type KeptItem, responseParams } from '../schemas/responses.ts';
import { pageOf } from '../translate/list.ts';

export const listInputItems: Operation = (app, { responses }) => {
  app.get(
    '/v1/responses/:response_id/input_items',
    {
      schema: {
        operationId: 'listInputItems',
        tags: ['Responses'],
        summary: 'List the input items of a response',
        params: responseParams,
        querystring: inputItemsQuery,
        response: { 200: inputItemListSchema, ...errorResponses },
      },
    },
    async (request) => {
      const { input } = await responses.get(identityOf(request), request.params.response_id);
      const items = input as KeptItem[];
      return pageOf(request.query.order === 'asc' ? items : items.toReversed(), request.query);
    },
  );
};
