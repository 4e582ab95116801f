/** The API of OpenAI, which most clients and tools speak: translators between its shapes and the core. */
import type { Api } from '../../http/api.ts';
import type { OpenaiServices, Operation } from './operation.ts';
import { cancelBatch } from './operations/cancel-batch.ts';
import { cancelFineTuningJob } from './operations/cancel-fine-tuning-job.ts';
import { createBatch } from './operations/create-batch.ts';
import { createChatCompletion } from './operations/create-chat-completion.ts';
import { createCompletion } from './operations/create-completion.ts';
import { createEmbeddings } from './operations/create-embeddings.ts';
import { createFineTuningJob } from './operations/create-fine-tuning-job.ts';
import { createReranking } from './operations/create-reranking.ts';
import { createResponse } from './operations/create-response.ts';
import { deleteFile } from './operations/delete-file.ts';
import { deleteModel } from './operations/delete-model.ts';
import { deleteResponse } from './operations/delete-response.ts';
import { downloadFile } from './operations/download-file.ts';
import { listBatches } from './operations/list-batches.ts';
import { listFiles } from './operations/list-files.ts';
import { listFineTuningCheckpoints } from './operations/list-fine-tuning-checkpoints.ts';
import { listFineTuningEvents } from './operations/list-fine-tuning-events.ts';
import { listFineTuningJobs } from './operations/list-fine-tuning-jobs.ts';
import { listInputItems } from './operations/list-input-items.ts';
import { listModels } from './operations/list-models.ts';
import { pauseFineTuningJob } from './operations/pause-fine-tuning-job.ts';
import { resumeFineTuningJob } from './operations/resume-fine-tuning-job.ts';
import { retrieveBatch } from './operations/retrieve-batch.ts';
import { retrieveFile } from './operations/retrieve-file.ts';
import { retrieveFineTuningJob } from './operations/retrieve-fine-tuning-job.ts';
import { retrieveModel } from './operations/retrieve-model.ts';
import { retrieveResponse } from './operations/retrieve-response.ts';
import { tokenize } from './operations/tokenize.ts';
import { uploadFile } from './operations/upload-file.ts';
import { renderError } from './translate/error.ts';

const operations: readonly Operation[] = [
  listModels,
  retrieveModel,
  deleteModel,
  createChatCompletion,
  createCompletion,
  createEmbeddings,
  createReranking,
  tokenize,
  uploadFile,
  listFiles,
  retrieveFile,
  downloadFile,
  deleteFile,
  createBatch,
  listBatches,
  retrieveBatch,
  cancelBatch,
  createFineTuningJob,
  listFineTuningJobs,
  retrieveFineTuningJob,
  cancelFineTuningJob,
  pauseFineTuningJob,
  resumeFineTuningJob,
  listFineTuningEvents,
  listFineTuningCheckpoints,
  createResponse,
  retrieveResponse,
  deleteResponse,
  listInputItems,
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
