/** Whole seconds since 1970-01-01 UTC. */
export function unixSeconds(at: Date): number {
  return Math.floor(at.getTime() / 1000);
}
