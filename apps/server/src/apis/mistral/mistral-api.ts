/** Mistral 0.0.2 and 1.0.0, as published: translators between their shapes and the core, one file for each operation. */
import type { Api } from '../../http/api.ts';
import type { MistralServices, Operation } from './operation.ts';
import { agentsCompletion } from './operations/agents-completion.ts';
import { appendConversation } from './operations/append-conversation.ts';
import { archiveModel } from './operations/archive-model.ts';
import { cancelBatchJob } from './operations/cancel-batch-job.ts';
import { cancelFineTuningJob } from './operations/cancel-fine-tuning-job.ts';
import { chatClassifications } from './operations/chat-classifications.ts';
import { chatModerations } from './operations/chat-moderations.ts';
import { chatCompletion } from './operations/chat-completion.ts';
import { classifications } from './operations/classifications.ts';
import { createAgent } from './operations/create-agent.ts';
import { createBatchJob } from './operations/create-batch-job.ts';
import { createFineTuningJob } from './operations/create-fine-tuning-job.ts';
import { deleteFile } from './operations/delete-file.ts';
import { deleteModel } from './operations/delete-model.ts';
import { downloadFile } from './operations/download-file.ts';
import { embeddings } from './operations/embeddings.ts';
import { fimCompletion } from './operations/fim-completion.ts';
import { getAgent } from './operations/get-agent.ts';
import { getBatchJob } from './operations/get-batch-job.ts';
import { getConversationHistory } from './operations/get-conversation-history.ts';
import { getConversationMessages } from './operations/get-conversation-messages.ts';
import { getConversation } from './operations/get-conversation.ts';
import { getFineTuningJob } from './operations/get-fine-tuning-job.ts';
import { getSignedUrl } from './operations/get-signed-url.ts';
import { listAgents } from './operations/list-agents.ts';
import { listBatchJobs } from './operations/list-batch-jobs.ts';
import { listConversations } from './operations/list-conversations.ts';
import { listFiles } from './operations/list-files.ts';
import { listFineTuningJobs } from './operations/list-fine-tuning-jobs.ts';
import { listModels } from './operations/list-models.ts';
import { moderations } from './operations/moderations.ts';
import { ocr } from './operations/ocr.ts';
import { restartConversation } from './operations/restart-conversation.ts';
import { retrieveFile } from './operations/retrieve-file.ts';
import { retrieveModel } from './operations/retrieve-model.ts';
import { startConversation } from './operations/start-conversation.ts';
import { switchAgentVersion } from './operations/switch-agent-version.ts';
import { startFineTuningJob } from './operations/start-fine-tuning-job.ts';
import { unarchiveModel } from './operations/unarchive-model.ts';
import { updateAgent } from './operations/update-agent.ts';
import { updateModel } from './operations/update-model.ts';
import { uploadFile } from './operations/upload-file.ts';
import { renderError } from './translate/error.ts';

const operations: readonly Operation[] = [
  listModels,
  retrieveModel,
  deleteModel,
  updateModel,
  archiveModel,
  unarchiveModel,
  uploadFile,
  listFiles,
  retrieveFile,
  deleteFile,
  downloadFile,
  getSignedUrl,
  ocr,
  chatCompletion,
  fimCompletion,
  embeddings,
  classifications,
  chatClassifications,
  moderations,
  chatModerations,
  createBatchJob,
  listBatchJobs,
  getBatchJob,
  cancelBatchJob,
  createAgent,
  listAgents,
  getAgent,
  updateAgent,
  switchAgentVersion,
  agentsCompletion,
  startConversation,
  listConversations,
  getConversation,
  appendConversation,
  restartConversation,
  getConversationHistory,
  getConversationMessages,
  createFineTuningJob,
  listFineTuningJobs,
  getFineTuningJob,
  cancelFineTuningJob,
  startFineTuningJob,
];

export function createMistralApi(services: MistralServices): Api {
  return {
    name: 'mistral',
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Mistral API on Atelier', version: '1.0.0' },
      components: { securitySchemes: { ApiKey: { type: 'http', scheme: 'bearer' } } },
      security: [{ ApiKey: [] }],
    },
    renderError,
    routes: async (app) => {
      for (const operation of operations) operation(app, services);
    },
  };
}
