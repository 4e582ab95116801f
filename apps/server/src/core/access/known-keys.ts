/** How long the database's word is taken for a key: as long may a key live on that another server revokes. */
const lifeMs = 1000;

/** More keys than ask within a second; past it all are looked up again. */
const mostKeys = 10_000;

type Entry<T> = { identity: Promise<T | null>; until: number };

/** Whom keys speak for, for a moment, so that a thousand requests a second do not ask the database a thousand times. */
export class KnownKeys<T> {
  #entries = new Map<string, Entry<T>>();

  /** By the hash of a key. Requests that come while it is looked up wait for the same answer; a bad key is not kept. */
  async get(hash: Buffer, lookUp: (hash: Buffer) => Promise<T | null>): Promise<T | null> {
    const key = hash.toString('base64');
    const now = performance.now();
    const entry = this.#entries.get(key);
    if (entry && now < entry.until) return await entry.identity;
    if (this.#entries.size >= mostKeys) this.forget();
    const entries = this.#entries;
    const identity = lookUp(hash);
    entries.set(key, { identity, until: now + lifeMs });
    let good = false;
    try {
      const found = await identity;
      good = found !== null;
      return found;
    } finally {
      if (!good) entries.delete(key);
    }
  }

  /** What is being looked up now is forgotten as well. */
  forget(): void {
    this.#entries = new Map();
  }
}
