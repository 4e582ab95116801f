import { z } from 'zod';

export const errorSchema = z
  .object({
    status: z.int().describe('The HTTP status'),
    error: z.string().describe('What is wrong, for a person'),
    code: z
      .string()
      .optional()
      .describe('What is wrong, for a program: `object_not_found`, or a code of the error catalogue'),
  })
  .describe('Error');

/** What every operation may answer besides its result. Operations without such an error still share this table. */
export const errorResponses = {
  400: errorSchema.describe('Invalid input; also what is in use, or in a state that does not allow this'),
  401: errorSchema.describe('The API key is missing or not valid'),
  404: errorSchema.describe('No such object in this workspace'),
  413: errorSchema.describe('The body is larger than the limit'),
  415: errorSchema.describe('The content type is not supported'),
  429: errorSchema.describe('Too many requests are waiting'),
  500: errorSchema.describe('Internal error'),
  503: errorSchema.describe('The model or the server is not available at the moment'),
  507: errorSchema.describe('The disk is full'),
};
