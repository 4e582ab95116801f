import { AtelierError } from '@atelier/errors';

/** Parts of a message that only a model with a projector for them could read, by how the type of the part begins. */
const media: readonly [RegExp, string][] = [
  [/^(input_)?image/, 'image'],
  [/^(input_)?audio/, 'audio'],
  [/^(input_)?(file|document)/, 'document'],
];

/**
 * Refuses pictures and the like in messages with `unsupported_content`: llama.cpp reads them through libmtmd, which the
 * packages of node-llama-cpp do not have. Without this, the request would only be one of a wrong form.
 */
export function refuseMedia(request: unknown): void {
  for (const message of messagesOf(request)) {
    for (const part of listOf(fieldOf(message, 'content'))) {
      const type = fieldOf(part, 'type');
      const [, name] = media.find(([begin]) => typeof type === 'string' && begin.test(type)) ?? [];
      if (name === undefined) continue;
      throw new AtelierError('unsupported_content', {
        type: name,
        reason: 'the llama.cpp libraries of this server come without libmtmd, which reads it',
      });
    }
  }
}

function messagesOf(request: unknown): unknown[] {
  const inputs = [fieldOf(request, 'input'), ...listOf(fieldOf(request, 'inputs'))];
  return inputs.flatMap((input) => listOf(fieldOf(input, 'messages')));
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
