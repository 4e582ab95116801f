const prefixes = { file: 'file-', batch: 'batch_', job: 'ftjob-' } as const;
type Kind = keyof typeof prefixes;

/** How this API writes the id of an object that the platform knows by a UUID. */
export function wireId(kind: Kind, uuid: string): string {
  return prefixes[kind] + uuid.replaceAll('-', '');
}

/** The inverse; what is no such id becomes one of nothing. */
export function uuidOf(kind: Kind, id: string): string {
  const hex = id.startsWith(prefixes[kind]) ? id.slice(prefixes[kind].length) : '';
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

export function unixSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000);
}
