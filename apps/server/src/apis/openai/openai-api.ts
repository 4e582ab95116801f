/** The API of OpenAI, which most clients and tools speak: translators between its shapes and the core. */
import type { Api } from '../../http/api.ts';
import type { OpenaiServices, Operation } from './operation.ts';
import { createChatCompletion } from './operations/create-chat-completion.ts';
import { createCompletion } from './operations/create-completion.ts';
import { createEmbeddings } from './operations/create-embeddings.ts';
import { deleteFile } from './operations/delete-file.ts';
import { deleteModel } from './operations/delete-model.ts';
import { downloadFile } from './operations/download-file.ts';
import { listFiles } from './operations/list-files.ts';
import { listModels } from './operations/list-models.ts';
import { retrieveFile } from './operations/retrieve-file.ts';
import { retrieveModel } from './operations/retrieve-model.ts';
import { uploadFile } from './operations/upload-file.ts';
import { renderError } from './translate/error.ts';

const operations: readonly Operation[] = [
  listModels,
  retrieveModel,
  deleteModel,
  createChatCompletion,
  createCompletion,
  createEmbeddings,
  uploadFile,
  listFiles,
  retrieveFile,
  downloadFile,
  deleteFile,
];

export function createOpenaiApi(services: OpenaiServices): Api {
  return {
    name: 'openai',
    // Its paths are Mistral's.
    atRoot: false,
    openapi: {
      openapi: '3.1.0',
      info: { title: 'OpenAI API on Atelier', version: '1.0.0' },
      components: { securitySchemes: { ApiKey: { type: 'http', scheme: 'bearer' } } },
      security: [{ ApiKey: [] }],
    },
    renderError,
    routes: async (app) => {
      for (const operation of operations) operation(app, services);
    },
  };
}
