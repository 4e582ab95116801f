import { z } from 'zod';

/** No content. */
export const emptySchema = z.null().describe('Done');
