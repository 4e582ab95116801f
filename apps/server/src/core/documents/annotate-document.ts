/** What a schema asks of a document, answered by a text model that reads the document's Markdown. */
import { AtelierError } from '@atelier/errors';
import type { Identity } from '../access/access.ts';
import { collectGeneration } from '../inference/collect.ts';
import type { Inference } from '../inference/inference.ts';

export type Annotation = {
  /** By its name or alias. */
  model: string;
  schema: Record<string, unknown>;
  /** What the schema is for, where somebody said so. */
  description?: string | undefined;
};

const task = 'Read the document and answer with JSON that the schema allows. Say only what the document says.';

/**
 * JSON that the schema allows, as text.
 * @throws AtelierError `unknown_model`, `unsupported_schema`, `context_overflow` when the model does not hold the document,
 * `invalid_request` when it does not hold the answer, and what the engine throws
 */
export async function annotateDocument(
  inference: Inference,
  identity: Identity,
  markdown: string,
  { model, schema, description }: Annotation,
  signal: AbortSignal,
): Promise<string> {
  const instructions = [task, description, `Schema: ${JSON.stringify(schema)}`].filter(Boolean).join('\n\n');
  const events = inference.generateWith(
    identity,
    model,
    {
      input: {
        kind: 'chat',
        messages: [
          { role: 'system', content: instructions },
          { role: 'user', content: markdown },
        ],
      },
      reasoning: 'apart',
      responseFormat: { type: 'json_schema', schema },
      sampling: { temperature: 0 },
    },
    signal,
  );
  const [answer] = (await collectGeneration(events)).choices;
  if (answer!.reason === 'length')
    throw new AtelierError('invalid_request', {
      reason: `The annotation does not fit into the context of ${model}, beside the document: ask for fewer pages or less`,
    });
  return answer!.text;
}
