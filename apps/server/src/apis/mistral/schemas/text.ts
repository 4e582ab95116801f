import { z } from 'zod';

/** Text that is kept in columns of its own, where PostgreSQL knows no U+0000. Lengths are in UTF-16 units. */
export const storedText = (max: number) =>
  z
    .string()
    .max(max)
    .refine((value) => !value.includes('\0'), 'must not contain U+0000');
