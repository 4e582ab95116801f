/** Other servers that the operator lets deployments run on, by the base model's name here. */
export type RemotePlaces = ReadonlyMap<string, RemotePlace>;

export type RemotePlace = {
  /** The name of the remote engine. */
  service: string;
  /** What that calls the base model. */
  model: string;
  /** Where adapters are put for it; and where it finds the same directory. */
  directory: string;
  seenAs: string;
};

type Service = {
  name: string;
  deploys?: { directory: string; seenAs?: string | undefined; models: Record<string, string> } | undefined;
};

/** Of two services for one base model, the first counts. */
export function remotePlaces(services: readonly Service[]): RemotePlaces {
  const places = new Map<string, RemotePlace>();
  for (const { name: service, deploys } of services) {
    if (!deploys) continue;
    const { directory, seenAs = directory } = deploys;
    for (const [base, model] of Object.entries(deploys.models))
      if (!places.has(base)) places.set(base, { service, model, directory, seenAs });
  }
  return places;
}
