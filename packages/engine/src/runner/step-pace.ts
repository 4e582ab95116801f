/** How long a step may take: others wait so long for their next token, and who cancels for it to be heard. */
const longestStepMs = 1000;

/** Kernels work on tiles: a token of 96 took a fifth longer than one of 128 or 64 (Q8_0, two threads of a Zen 4). */
const tileTokens = 64;

/** Even a slow model gets on with a prompt. */
const leastPromptTokens = 16;

/**
 * Learns how fast a context computes prompts and says how much of them fits a step, so that a long prompt delays neither
 * the others' tokens nor a cancellation for long.
 */
export class StepPace {
  #msPerToken: number | undefined;

  /** Prompt tokens for the next step, of so long at most, beside `generated` tokens of others; a few until the pace is known. */
  promptTokens(batchTokens: number, generated = 0, ms = longestStepMs): number {
    const fit = this.#msPerToken === undefined ? 2 * tileTokens : Math.floor(ms / this.#msPerToken);
    const most = Math.min(batchTokens, Math.max(leastPromptTokens, fit));
    const whole = most < tileTokens ? most : most - (most % tileTokens);
    return Math.max(leastPromptTokens, whole - generated);
  }

  /** A step with prompts took `ms` for `tokens` tokens. */
  observe(tokens: number, ms: number): void {
    const measured = ms / tokens;
    this.#msPerToken = this.#msPerToken === undefined ? measured : this.#msPerToken + (measured - this.#msPerToken) / 4;
  }
}
