import type { z } from 'zod';
import type { Project } from '../../../core/projects/require-project.ts';
import type { projectSummarySchema } from '../schemas/projects.ts';

export function projectSummary(project: Project): z.infer<typeof projectSummarySchema> {
  return { id: project.id, name: project.name ?? '' };
}
