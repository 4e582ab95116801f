import type { FastifyReply } from 'fastify';
import type { RunningTurn } from '../../core/agents/conversations.ts';
import { conversationResponse, conversationStream } from './translate/turn.ts';

/** Answers with what a turn gives, whole or as a stream. */
export async function answerTurn(turn: RunningTurn, stream: boolean, reply: FastifyReply): Promise<FastifyReply> {
  if (!stream) return reply.type('application/json; charset=utf-8').send(await conversationResponse(turn));
  return reply.type('text/event-stream; charset=utf-8').send(await conversationStream(turn));
}
