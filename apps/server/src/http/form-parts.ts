import path from 'node:path';
import type { Multipart, MultipartFile } from '@fastify/multipart';
import { AtelierError } from '@atelier/errors';
import type { FastifyRequest } from 'fastify';

/** The parts of a multipart body. When the reader gives up, the rest is read and dropped, so that the client gets to see why. */
export async function* formParts(request: FastifyRequest): AsyncGenerator<Multipart> {
  let whole = false;
  try {
    yield* request.parts();
    whole = true;
  } finally {
    if (!whole) {
      request.raw.unpipe();
      request.raw.resume();
    }
  }
}

/** The parser cuts a file off at the limit and ends it only with the form: that would be late, and pass for a whole file. */
export async function* wholeFile(file: MultipartFile['file']): AsyncGenerator<Uint8Array> {
  const refuse = () => file.destroy(new AtelierError('payload_too_large', { limit: file.bytesRead }));
  file.once('limit', refuse);
  if (file.truncated) refuse(); // while something else was looked up
  yield* file;
}

/** The name that the client's file has: only shown, never a path here. */
export function nameFrom(fileName: string): string {
  return path.basename(fileName).replaceAll('\0', '').slice(0, 200);
}
