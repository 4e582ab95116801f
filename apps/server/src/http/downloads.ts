import { AtelierError } from '@atelier/errors';
import type { FastifyInstance } from 'fastify';
import type { DownloadLinks } from '../core/access/download-links.ts';
import type { BlobStore } from '../storage/blobs/blob-store.ts';
import { parseRange } from './byte-range.ts';

/** `GET /download/<token>`: a blob, whole or a range, to whoever holds a signed link that has not expired; else 404. */
export function addDownloads(app: FastifyInstance, links: DownloadLinks, blobs: BlobStore): void {
  app.route<{ Params: { token: string } }>({
    method: ['GET', 'HEAD'],
    url: '/download/:token',
    config: { public: true },
    async handler(request, reply) {
      const download = links.verify(request.params.token);
      if (download === null) throw new AtelierError('not_found', { kind: 'Download' });
      const size = await blobs.size(download.blob);
      const tag = `"${download.blob}"`;
      reply.headers({
        etag: tag,
        'accept-ranges': 'bytes',
        'cache-control': 'private, no-transform',
        'content-type': download.contentType,
        'content-disposition': contentDisposition(download.filename),
      });
      if (request.headers['if-none-match'] === tag) return reply.code(304).send();
      const condition = request.headers['if-range'];
      const range = condition === undefined || condition === tag ? parseRange(request.headers.range, size) : 'all';
      if (range === 'unsatisfiable') return reply.code(416).header('content-range', `bytes */${size}`).send();
      const { start, end } = range === 'all' ? { start: 0, end: size - 1 } : range;
      reply.header('content-length', String(end - start + 1));
      if (range !== 'all') reply.code(206).header('content-range', `bytes ${start}-${end}/${size}`);
      if (request.method === 'HEAD' || size === 0) return reply.send();
      return reply.send(blobs.read(download.blob, { start, end }));
    },
  });
}

/** RFC 6266: a plain name for old clients and the real one beside it; neither can end the header or the quotes. */
function contentDisposition(filename: string): string {
  const plain = filename.replace(/[^\w.-]/g, '_');
  const encoded = encodeURIComponent(filename.toWellFormed()).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
