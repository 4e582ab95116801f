/** What the operator says of another server that runs models. */

/** What the other side understands beyond OpenAI's fields; `openai` is any server that understands no more than those. */
export const remoteKinds = ['vllm', 'llama-server', 'sglang', 'openai'] as const;
export type RemoteKind = (typeof remoteKinds)[number];

export type RemoteService = {
  name: string;
  kind: RemoteKind;
  /** As clients of OpenAI's API have them: mostly with `/v1` at the end. Several are replicas of one another. */
  urls: readonly string[];
  /** Sent as a bearer token to these URLs and nowhere else. */
  key?: string | undefined;
};
