import type { FastifyReply, FastifyRequest } from 'fastify';
import { collectGeneration } from '../../core/inference/collect.ts';
import { identityOf } from '../../http/identity.ts';
import { requestSignal } from '../../http/request-signal.ts';
import type { MistralServices } from './operation.ts';
import { completion, completionStream, newHead } from './translate/completion.ts';
import type { Generation } from './translate/generation.ts';

/**
 * Answers a request for text from `model`, whole or as a stream: under the model's own name, whatever it was asked by. The
 * first event decides between an error and a stream.
 */
export async function answerCompletion(
  { inference, models }: Pick<MistralServices, 'inference' | 'models'>,
  { model, stream, generation }: { model: string; stream: boolean; generation: Generation },
  request: FastifyRequest,
  reply: FastifyReply,
) {
  const { input, maxTokens, choices = 1 } = generation;
  const identity = identityOf(request);
  const { name } = await models.serve(identity, model);
  const head = newHead(name, input.kind === 'chat' ? (input.prefix ?? '') : '', maxTokens);
  const events = inference.generateWith(identity, model, generation, requestSignal(request));
  if (!stream) return completion(head, await collectGeneration(events));
  const body = completionStream(head, choices, await events.next(), events);
  return reply.type('text/event-stream; charset=utf-8').send(body);
}
