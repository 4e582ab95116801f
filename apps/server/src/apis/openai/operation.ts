import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { Batches } from '../../core/batches/batches.ts';
import type { Files } from '../../core/files/files.ts';
import type { Inference } from '../../core/inference/inference.ts';
import type { Models } from '../../core/models/models.ts';
import type { Projects } from '../../core/projects/projects.ts';
import type { Responses } from '../../core/responses/responses.ts';
import type { TrainingJobs } from '../../core/training/training-jobs.ts';

export type OpenaiServices = {
  models: Models;
  files: Files;
  batches: Batches;
  projects: Projects;
  trainingJobs: TrainingJobs;
  inference: Inference;
  responses: Responses;
};

/** One operation of the API: registers its route. */
export type Operation = (app: Parameters<FastifyPluginAsyncZod>[0], services: OpenaiServices) => void;
