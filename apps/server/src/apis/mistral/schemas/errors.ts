import { z } from 'zod';

const detailSchema = z.array(
  z.object({ loc: z.array(z.union([z.string(), z.int()])), msg: z.string(), type: z.string() }),
);

/**
 * One body for both kinds of client: those that go by the description, which knows only `detail`, and those that go by what
 * the hosted API sends.
 */
export const errorSchema = z
  .object({
    object: z.literal('error'),
    message: z
      .union([z.string(), z.object({ detail: detailSchema })])
      .describe('What is wrong, for a person; with status 422 what stands in `detail`'),
    type: z.string().describe('What is wrong, for a program'),
    param: z.string().nullable(),
    code: z.string().nullable(),
    detail: detailSchema.describe('Where the request is wrong; empty when it is not the request'),
    request_id: z.string().optional(),
  })
  .describe('Error');

/** What every operation may answer besides its result. */
export const errorResponses = {
  400: errorSchema.describe('The request cannot be answered as it is'),
  401: errorSchema.describe('The API key is missing or not valid'),
  403: errorSchema.describe('This key may not do that'),
  404: errorSchema.describe('No such object in this workspace'),
  409: errorSchema.describe('In use, or in a state that does not allow this'),
  413: errorSchema.describe('The body is larger than the limit'),
  415: errorSchema.describe('The content type is not supported'),
  422: errorSchema.describe('A field is missing, unknown or out of its range'),
  429: errorSchema.describe('Too many requests are waiting'),
  500: errorSchema.describe('Internal error'),
  502: errorSchema.describe('Another server that runs the model, or fetches a document, failed'),
  503: errorSchema.describe('The model or the server is not available at the moment'),
  504: errorSchema.describe('It took longer than it may'),
  507: errorSchema.describe('The disk is full'),
};
