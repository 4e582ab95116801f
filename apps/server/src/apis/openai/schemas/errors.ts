import { z } from 'zod';

export const errorSchema = z
  .object({
    error: z.object({
      message: z.string().describe('What is wrong, for a person'),
      type: z.string().describe('Whose fault it is'),
      param: z.string().nullable().describe('The field that is wrong'),
      code: z.string().nullable().describe('What is wrong, for a program'),
    }),
  })
  .describe('Error');

/** What every operation may answer besides its result. */
export const errorResponses = {
  400: errorSchema.describe('The request cannot be answered as it is'),
  401: errorSchema.describe('The API key is missing or not valid'),
  403: errorSchema.describe('This key may not do that'),
  404: errorSchema.describe('No such object in this workspace'),
  413: errorSchema.describe('The body is larger than the limit'),
  415: errorSchema.describe('The content type is not supported'),
  429: errorSchema.describe('Too many requests are waiting'),
  500: errorSchema.describe('Internal error'),
  503: errorSchema.describe('The model or the server is not available at the moment'),
  507: errorSchema.describe('The disk is full'),
};
