import { fork } from 'node:child_process';
import { on } from 'node:events';
import { AtelierError } from '@atelier/errors';
import { type DocumentPage, documentReplySchema } from './page.ts';

export type PdfOptions = {
  /** Pages to read, from 0; absent: all. */
  pages?: readonly number[] | undefined;
  /** Gives the pixels of images as well as their places. */
  images: boolean;
  imageLimit?: number | undefined;
  /** Images smaller than this, in pixels of their own, are left out. */
  imageMinSize?: number | undefined;
  /** Milliseconds for the whole document. */
  timeoutMs?: number;
};

const source = new URL('./document-process.ts', import.meta.url);

/** A document that needs more is not one to read here; its process dies by itself and takes nothing along. */
const maxHeapMegabytes = 1024;
const defaultTimeoutMs = 120_000;
/** The largest that the hosted API takes. */
const mostPages = 1000;

/**
 * The pages of a born-digital PDF as Markdown, one after the other, read in a process of its own.
 * @throws AtelierError `invalid_request` for what is no PDF that can be read, or takes too long; the signal's reason
 */
export async function* readPdf(
  file: string,
  { pages, images, imageLimit = 1000, imageMinSize = 0, timeoutMs = defaultTimeoutMs }: PdfOptions,
  signal: AbortSignal,
): AsyncGenerator<DocumentPage, void, void> {
  const refuse = (reason: string) => new AtelierError('invalid_request', { reason: `The document: ${reason}` });
  signal.throwIfAborted();
  const child = fork(source, {
    // Only what Node itself may need to start, so that nothing of ours can leak into a document's pages.
    env: process.env['SystemRoot'] === undefined ? {} : { SystemRoot: process.env['SystemRoot'] },
    execArgv: [
      `--max-old-space-size=${maxHeapMegabytes}`,
      '--permission',
      '--allow-fs-read=*',
      '--allow-worker',
      '--no-warnings',
    ],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const gone = new AbortController();
  child.once('exit', () => gone.abort());
  child.once('error', () => gone.abort());
  const limit = AbortSignal.timeout(timeoutMs);
  try {
    for await (const [message] of on(child, 'message', { signal: AbortSignal.any([signal, limit, gone.signal]) })) {
      const reply = documentReplySchema.parse(message);
      if (reply.type === 'ready') child.send({ file, pages, images, imageLimit, imageMinSize, mostPages }, () => {});
      else if (reply.type === 'page') yield reply.page;
      else if (reply.type === 'failed') throw refuse(reply.reason);
      else return;
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (limit.aborted) throw refuse(`it took longer than ${timeoutMs / 1000} s to read`);
    if (gone.signal.aborted) throw refuse('it needs more memory than a document may');
    throw error;
  } finally {
    child.kill('SIGKILL');
  }
}
