import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { fileListQuery, fileListSchema } from '../schemas/files.ts';
import { wireFile } from '../translate/file.ts';
import { uuidOf } from '../translate/ids.ts';
import { listPage } from '../translate/list.ts';

export const listFiles: Operation = (app, { files }) => {
  app.get(
    '/v1/files',
    {
      schema: {
        operationId: 'listFiles',
        tags: ['Files'],
        summary: 'List files',
        querystring: fileListQuery,
        response: { 200: fileListSchema, ...errorResponses },
      },
    },
    async (request) => {
      const { after, limit, order, purpose } = request.query;
      const found = await files.page(
        identityOf(request),
        { purposes: purpose && [purpose] },
        {
          ...(after !== undefined && { after: uuidOf('file', after) }),
          limit: limit + 1,
          oldestFirst: order === 'asc',
        },
      );
      return listPage(found.files.map(wireFile), limit);
    },
  );
};
