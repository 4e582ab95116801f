import { z } from 'zod';

/** Pages count from 0. */
export const paging = {
  page: z.coerce.number().int().min(0).max(1_000_000).default(0),
  page_size: z.coerce.number().int().min(1).max(1000).default(100),
};

/** A query key that may stand there once or several times. */
export function oneOrMore<T extends z.ZodType>(schema: T) {
  return z.preprocess(
    (value) => (value === undefined || Array.isArray(value) ? value : [value]),
    z.array(schema).max(100),
  );
}
