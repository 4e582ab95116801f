/** How long a step may take: short while others wait for their next token, longer when only prompts are computed. */
const sharedStepMs = 250;
const promptStepMs = 1000;

/** Even a slow model gets on with a prompt. */
const leastPromptTokens = 16;

/**
 * Learns how fast a context computes prompts and says how much of them fits a step, so that a long prompt delays neither
 * the others' tokens nor a cancellation for long.
 */
export class StepPace {
  #msPerToken: number | undefined;

  /** Prompt tokens for the next step; all that fit the batch until the pace is known. */
  promptTokens(othersGenerate: boolean, batchTokens: number): number {
    if (this.#msPerToken === undefined) return Math.min(batchTokens, othersGenerate ? 64 : 128);
    const fit = Math.floor((othersGenerate ? sharedStepMs : promptStepMs) / this.#msPerToken);
    return Math.min(batchTokens, Math.max(leastPromptTokens, fit));
  }

  /** A step with prompts took `ms` for `tokens` tokens. */
  observe(tokens: number, ms: number): void {
    const measured = ms / tokens;
    this.#msPerToken = this.#msPerToken === undefined ? measured : this.#msPerToken + (measured - this.#msPerToken) / 4;
  }
}
