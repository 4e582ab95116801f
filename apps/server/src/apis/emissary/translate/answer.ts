import { randomBytes } from 'node:crypto';
import type { GenerateEvent } from '@atelier/engine';

/** Answers are not kept: the id only tells them apart in a client's logs. */
export function answerId(kind: 'completion' | 'chat-completion' | 'classification' | 'embedding'): string {
  return `${kind}-${randomBytes(12).toString('hex')}`;
}

export async function wholeText(events: AsyncIterable<GenerateEvent>): Promise<string> {
  let text = '';
  for await (const event of events) if (event.type === 'text') text += event.text;
  return text;
}
