import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { Agents } from '../../core/agents/agents.ts';
import type { Conversations } from '../../core/agents/conversations.ts';
import type { DownloadLinks } from '../../core/access/download-links.ts';
import type { ReadDocument } from '../../core/documents/read-document.ts';
import type { Batches } from '../../core/batches/batches.ts';
import type { Files } from '../../core/files/files.ts';
import type { Inference } from '../../core/inference/inference.ts';
import type { Models } from '../../core/models/models.ts';
import type { Moderation } from '../../core/moderation/moderation.ts';
import type { Projects } from '../../core/projects/projects.ts';
import type { EstimateJob } from '../../core/training/estimate-run.ts';
import type { TrainingJobs } from '../../core/training/training-jobs.ts';

export type MistralServices = {
  models: Models;
  files: Files;
  batches: Batches;
  agents: Agents;
  conversations: Conversations;
  projects: Projects;
  trainingJobs: TrainingJobs;
  estimateJob: EstimateJob;
  inference: Inference;
  moderation: Moderation;
  links: DownloadLinks;
  readDocument: ReadDocument;
};

/** One operation of the API: registers its route. */
export type Operation = (app: Parameters<FastifyPluginAsyncZod>[0], services: MistralServices) => void;
