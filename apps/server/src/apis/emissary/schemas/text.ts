import { z } from 'zod';

/** PostgreSQL cannot keep U+0000 in text. */
const storable = (value: string) => !value.includes('\0');

/** Text that is kept as it is: a name or a description. Lengths are in UTF-16 units. */
export const storedText = (max: number) => z.string().max(max).refine(storable, 'must not contain U+0000');

export const nameSchema = storedText(200);
export const descriptionSchema = storedText(4000);

/** Seconds since 1970-01-01 UTC. */
export const unixTime = z.int();
