import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { fileParams, retrievedFileSchema } from '../schemas/files.ts';
import { wireFile } from '../translate/file.ts';

export const retrieveFile: Operation = (app, { files }) => {
  app.get(
    '/v1/files/:file_id',
    {
      schema: {
        operationId: 'files_api_routes_retrieve_file',
        tags: ['files'],
        summary: 'Retrieve a file',
        params: fileParams,
        response: { 200: retrievedFileSchema, ...errorResponses },
      },
    },
    async (request) => ({
      ...wireFile(await files.get(identityOf(request), request.params.file_id)),
      deleted: false,
    }),
  );
};
