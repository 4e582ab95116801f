import { AtelierError } from '@atelier/errors';

/** A page of a list; `items` holds one more than the page where there is more. */
export function listPage<T extends { id: string }>(items: readonly T[], limit: number) {
  const data = items.slice(0, limit);
  return {
    object: 'list' as const,
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: items.length > limit,
  };
}

/** A page of a list that is all there. @throws AtelierError `invalid_request` when nothing has the id `after` */
export function pageOf<T extends { id: string }>(
  all: readonly T[],
  { after, limit }: { after?: string | undefined; limit: number },
) {
  const before = after === undefined ? -1 : all.findIndex(({ id }) => id === after);
  if (after !== undefined && before < 0)
    throw new AtelierError('invalid_request', { reason: 'after: there is no such object in this list' });
  return listPage(all.slice(before + 1, before + 2 + limit), limit);
}
