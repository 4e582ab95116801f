import { z } from 'zod';

export const projectParams = z.object({ project_id: z.string().describe('The ID of the project') });
