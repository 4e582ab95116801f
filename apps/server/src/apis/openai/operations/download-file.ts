import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { fileContent, fileParams } from '../schemas/files.ts';
import { uuidOf } from '../translate/ids.ts';

export const downloadFile: Operation = (app, { files }) => {
  app.get(
    '/v1/files/:file_id/content',
    {
      schema: {
        operationId: 'downloadFile',
        tags: ['Files'],
        summary: 'Retrieve the content of a file',
        params: fileParams,
        response: { 200: fileContent, ...errorResponses },
      },
    },
    async (request, reply) => {
      const file = await files.get(identityOf(request), uuidOf('file', request.params.file_id));
      return reply
        .type('application/octet-stream')
        .header('content-length', String(file.bytes))
        .send(files.read(file) as never);
    },
  );
};
