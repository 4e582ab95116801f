import { createEngine, type GenerateRequest } from '@atelier/engine';
import { askAll, type Example } from './support-desk.ts';

/** Answers of a model file as it is, before any training. The Emissary API has no deployment of a base model, so the engine is asked directly. */
export async function askUntuned(model: string, examples: readonly Example[]): Promise<string[]> {
  const quiet = (): void => {};
  await using engine = createEngine({ gpu: 'off', logger: { debug: quiet, info: quiet, warn: quiet } });
  return await askAll(examples, async (prompt) => {
    let text = '';
    const input: GenerateRequest['input'] = { kind: 'chat', messages: [{ role: 'user', content: prompt }] };
    const request = { model: { path: model }, owner: 'quickstart', maxTokens: 24, input };
    for await (const event of engine.generate(request)) if (event.type === 'text') text += event.text;
    return text;
  });
}
