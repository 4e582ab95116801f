import { z } from 'zod';

/** Ids that the platform has as UUIDs, as this API writes them. */
export const fileIdSchema = z.string().regex(/^file-[0-9a-f]{32}$/);

/** The page of a list that comes after the object of an id. */
export const cursor = (most: number, usual: number) => ({
  after: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(most).default(usual),
});

export const metadataSchema = z
  .record(z.string().max(64), z.string().max(512))
  .refine((metadata) => Object.keys(metadata).length <= 16, 'at most 16 pairs');
