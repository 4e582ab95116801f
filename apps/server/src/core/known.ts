/** How long the database's word is taken: for as long may something stay in use that another server has taken away. */
const lifeMs = 1000;

/** From this age on the database is asked again while its word still counts, so that nobody has to wait for the answer. */
const freshMs = 500;

/** More than are asked for within a second; past it all are looked up again. */
const mostEntries = 10_000;

type Entry<T> = { value: Promise<T>; asked: number; renewing: boolean };

/** What the database says, for a moment, so that a thousand requests a second do not ask it a thousand times. */
export class Known<T> {
  #entries = new Map<string, Entry<T>>();

  /** Requests that come while it is looked up wait for the same answer. Errors and null are not kept. */
  get(key: string, lookUp: () => Promise<T>): Promise<T> {
    const now = performance.now();
    const entry = this.#entries.get(key);
    if (!entry || now - entry.asked >= lifeMs) return this.#ask(key, lookUp, now);
    if (now - entry.asked >= freshMs && !entry.renewing) this.#renew(key, lookUp, entry);
    return entry.value;
  }

  /** What is being looked up now is forgotten as well. */
  forget(): void {
    this.#entries = new Map();
  }

  #ask(key: string, lookUp: () => Promise<T>, asked: number): Promise<T> {
    if (this.#entries.size >= mostEntries) this.forget();
    const entries = this.#entries;
    const entry = { value: lookUp(), asked, renewing: false };
    entries.set(key, entry);
    const drop = () => {
      if (entries.get(key) === entry) entries.delete(key);
    };
    entry.value.then((value) => value === null && drop(), drop);
    return entry.value;
  }

  #renew(key: string, lookUp: () => Promise<T>, entry: Entry<T>): void {
    const entries = this.#entries;
    const asked = performance.now();
    entry.renewing = true;
    const settle = (value: Promise<T> | null) => {
      if (entries.get(key) !== entry) return;
      if (value === null) entries.delete(key);
      else entries.set(key, { value, asked, renewing: false });
    };
    const value = lookUp();
    value.then(
      (found) => settle(found === null ? null : value),
      () => settle(null),
    );
  }
}
