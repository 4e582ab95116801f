import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { fileParams, fileSchema } from '../schemas/files.ts';
import { wireFile } from '../translate/file.ts';
import { uuidOf } from '../translate/ids.ts';

export const retrieveFile: Operation = (app, { files }) => {
  app.get(
    '/v1/files/:file_id',
    {
      schema: {
        operationId: 'retrieveFile',
        tags: ['Files'],
        summary: 'Retrieve a file',
        params: fileParams,
        response: { 200: fileSchema, ...errorResponses },
      },
    },
    async (request) => wireFile(await files.get(identityOf(request), uuidOf('file', request.params.file_id))),
  );
};
