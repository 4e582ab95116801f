import type { GenerateRequest } from '@atelier/engine';

/** A single prompt as a model gets it: one user turn where it has a chat template (`chat`), else the text itself. */
export function promptInput(prompt: string, chat: boolean): GenerateRequest['input'] {
  return chat ? { kind: 'chat', messages: [{ role: 'user', content: prompt }] } : { kind: 'text', text: prompt };
}
