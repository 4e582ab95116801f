/** The few calls of the Emissary API that the quickstart makes, as any client would make them. */

export type TrainingJob = { id: string; status: string; progress: number };
export type Checkpoint = { checkpoint: number; test_results: { aggregated_test_result: Record<string, string> } };

export class EmissaryClient {
  readonly #base: string;
  readonly #key: string;

  /** `url` of the server, without a slash at its end. */
  constructor(url: string, key: string) {
    this.#base = `${url}/emissary/v1`;
    this.#key = key;
  }

  get<T>(path: string): Promise<T> {
    return this.#send(path, {});
  }

  post<T>(path: string, body: object): Promise<T> {
    return this.#send(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  }

  upload<T>(path: string, name: string, content: Blob): Promise<T> {
    const form = new FormData();
    form.set('name', name);
    form.set('file', content, name);
    return this.#send(path, { method: 'POST', body: form });
  }

  async #send<T>(path: string, init: RequestInit): Promise<T> {
    const headers = { ...(init.headers as Record<string, string> | undefined), 'x-api-key': this.#key };
    const response = await fetch(this.#base + path, { ...init, headers });
    const text = await response.text();
    if (!response.ok) throw new Error(`${init.method ?? 'GET'} ${path}: ${response.status} ${text}`);
    return JSON.parse(text) as T;
  }
}
