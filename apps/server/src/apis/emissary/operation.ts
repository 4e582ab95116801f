import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { DownloadLinks } from '../../core/access/download-links.ts';
import type { Datasets } from '../../core/datasets/datasets.ts';
import type { Deployments } from '../../core/deployments/deployments.ts';
import type { Inference } from '../../core/inference/inference.ts';
import type { Models } from '../../core/models/models.ts';
import type { Projects } from '../../core/projects/projects.ts';
import type { TrainingJobs } from '../../core/training/training-jobs.ts';

export type EmissaryServices = {
  models: Models;
  projects: Projects;
  datasets: Datasets;
  trainingJobs: TrainingJobs;
  deployments: Deployments;
  inference: Inference;
  links: DownloadLinks;
};

/** One operation of the API: registers its route. */
export type Operation = (app: Parameters<FastifyPluginAsyncZod>[0], services: EmissaryServices) => void;
