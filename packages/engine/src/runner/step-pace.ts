/** How long a step may take: short while others wait for their next token, longer when only prompts are computed. */
const sharedStepMs = 750;
const promptStepMs = 1000;

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

  /** Prompt tokens for the next step beside `generated` tokens of others; a few until the pace is known. */
  promptTokens(othersGenerate: boolean, batchTokens: number, generated = 0): number {
    const longest = othersGenerate ? sharedStepMs : promptStepMs;
    const known = this.#msPerToken;
    const fit = known === undefined ? (othersGenerate ? 1 : 2) * tileTokens : Math.floor(longest / known);
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
