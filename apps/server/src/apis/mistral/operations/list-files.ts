import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { fileListQuery, fileListSchema } from '../schemas/files.ts';
import { fileSources, wireFile } from '../translate/file.ts';

export const listFiles: Operation = (app, { files }) => {
  app.get(
    '/v1/files',
    {
      schema: {
        operationId: 'files_api_routes_list_files',
        tags: ['files'],
        summary: 'List files',
        querystring: fileListQuery,
        response: { 200: fileListSchema, ...errorResponses },
      },
    },
    async (request) => {
      const { page, page_size, sample_type, source, search, purpose } = request.query;
      const found = await files.page(
        identityOf(request),
        {
          search,
          purposes: purpose === 'batch' ? ['batch', 'batch_output'] : purpose && [purpose],
          contentKinds: sample_type,
          sources: source && fileSources(source),
        },
        { offset: page * page_size, limit: page_size },
      );
      return { data: found.files.map(wireFile), object: 'list' as const, total: found.total };
    },
  );
};
