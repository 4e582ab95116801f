/** Emissary 0.1.0, as published: translators between its shapes and the core, one file for each operation. */
import type { Api } from '../../http/api.ts';
import type { EmissaryServices, Operation } from './operation.ts';
import { cancelDeployment } from './operations/cancel-deployment.ts';
import { cancelTrainingJob } from './operations/cancel-training-job.ts';
import { createDataset } from './operations/create-dataset.ts';
import { createDeployment } from './operations/create-deployment.ts';
import { createProject } from './operations/create-project.ts';
import { createTrainingJob } from './operations/create-training-job.ts';
import { deleteDataset } from './operations/delete-dataset.ts';
import { deleteDeployment } from './operations/delete-deployment.ts';
import { deleteProject } from './operations/delete-project.ts';
import { deleteTrainingJob } from './operations/delete-training-job.ts';
import { getChatCompletions } from './operations/get-chat-completions.ts';
import { getClassification } from './operations/get-classification.ts';
import { getCompletions } from './operations/get-completions.ts';
import { getEmbeddings } from './operations/get-embeddings.ts';
import { listBaseModels } from './operations/list-base-models.ts';
import { listCheckpoints } from './operations/list-checkpoints.ts';
import { listDatasets } from './operations/list-datasets.ts';
import { listDeployments } from './operations/list-deployments.ts';
import { listProjects } from './operations/list-projects.ts';
import { listTrainingJobs } from './operations/list-training-jobs.ts';
import { retrieveBaseModel } from './operations/retrieve-base-model.ts';
import { retrieveDataset } from './operations/retrieve-dataset.ts';
import { retrieveDeployment } from './operations/retrieve-deployment.ts';
import { retrieveProject } from './operations/retrieve-project.ts';
import { retrieveTrainingJob } from './operations/retrieve-training-job.ts';
import { renderError } from './translate/error.ts';

const operations: readonly Operation[] = [
  listBaseModels,
  retrieveBaseModel,
  createProject,
  listProjects,
  retrieveProject,
  deleteProject,
  createDataset,
  listDatasets,
  retrieveDataset,
  deleteDataset,
  createTrainingJob,
  listTrainingJobs,
  retrieveTrainingJob,
  deleteTrainingJob,
  cancelTrainingJob,
  listCheckpoints,
  createDeployment,
  listDeployments,
  retrieveDeployment,
  deleteDeployment,
  cancelDeployment,
  getCompletions,
  getChatCompletions,
  getEmbeddings,
  getClassification,
];

export function createEmissaryApi(services: EmissaryServices): Api {
  return {
    name: 'emissary',
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Emissary API on Atelier', version: '0.1.0' },
      components: { securitySchemes: { api_key: { type: 'apiKey', name: 'X-API-Key', in: 'header' } } },
      security: [{ api_key: [] }],
      tags: ['Base Models', 'Projects', 'Datasets', 'Training Jobs', 'Deployments', 'Inference'].map((name) => ({
        name,
      })),
    },
    renderError,
    routes: async (app) => {
      for (const operation of operations) operation(app, services);
    },
  };
}
