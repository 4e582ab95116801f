import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { deletedFileSchema, fileParams } from '../schemas/files.ts';
import { uuidOf } from '../translate/ids.ts';

export const deleteFile: Operation = (app, { files }) => {
  app.delete(
    '/v1/files/:file_id',
    {
      schema: {
        operationId: 'deleteFile',
        tags: ['Files'],
        summary: 'Delete a file',
        params: fileParams,
        response: { 200: deletedFileSchema, ...errorResponses },
      },
    },
    async (request) => {
      const { file_id } = request.params;
      await files.remove(identityOf(request), uuidOf('file', file_id));
      return { id: file_id, object: 'file' as const, deleted: true as const };
    },
  );
};
