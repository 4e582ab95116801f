import type { FinishReason, GenerateEvent, TokenLogprob, Usage } from '@atelier/engine';

export type CollectedCall = { id: string; name: string; arguments: string };

export type CollectedChoice = {
  text: string;
  reasoning: string;
  calls: CollectedCall[];
  /** Of the text alone. */
  logprobs: TokenLogprob[];
  reason: FinishReason;
  usage: Usage;
};

/** Exact counts of a whole request: its prompt once, and what all choices have together. */
export function totalUsage(usages: readonly Usage[]): Usage {
  const completionTokens = usages.reduce((sum, usage) => sum + usage.completionTokens, 0);
  return { promptTokens: 0, cachedTokens: 0, ...usages[0], completionTokens };
}

/** A generation to its end, its choices in order. */
export async function collectGeneration(
  events: AsyncIterable<GenerateEvent>,
): Promise<{ choices: CollectedChoice[]; usage: Usage }> {
  const choices: Partial<CollectedChoice>[] = [];
  for await (const event of events) {
    const choice = (choices[event.choice] ??= { text: '', reasoning: '', calls: [], logprobs: [] });
    if (event.type === 'finish') Object.assign(choice, { reason: event.reason, usage: event.usage });
    else if (event.type === 'tool_call') {
      const call = (choice.calls![event.index] ??= { id: event.id, name: '', arguments: '' });
      if ('name' in event) call.name = event.name;
      else call.arguments += event.arguments;
    } else {
      if (event.type === 'text') choice.text += event.text;
      else choice.reasoning += event.text;
      if (event.type === 'text' && event.logprobs) choice.logprobs!.push(...event.logprobs);
    }
  }
  const whole = choices as CollectedChoice[];
  return { choices: whole, usage: totalUsage(whole.map(({ usage }) => usage)) };
}
