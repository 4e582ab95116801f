/** Links that let whoever holds them read one blob for a while, without a key: what an API's "download URL" is. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { AtelierError } from '@atelier/errors';
import { z } from 'zod';

export type Download = { blob: string; filename: string; contentType: string };
export type DownloadLinks = ReturnType<typeof createDownloadLinks>;

const payloadSchema = z.strictObject({
  b: z.string().regex(/^[0-9a-f]{64}$/),
  n: z.string().max(400),
  t: z.string().max(100),
  e: z.int(),
});

/** `secret` signs; `baseUrl` is asked at each link, since the port is known only once the server listens. */
export function createDownloadLinks({
  secret,
  baseUrl,
  lifeSeconds,
}: {
  secret: string;
  baseUrl: () => string;
  lifeSeconds: number;
}) {
  const sign = (text: string) => createHmac('sha256', secret).update(text).digest();

  return {
    /** An absolute URL that works for `seconds`. The name is cut to 100 characters; it is data and never a path. */
    urlFor({ blob, filename, contentType }: Download, seconds = lifeSeconds): string {
      const payload: z.infer<typeof payloadSchema> = {
        b: blob,
        n: [...filename].slice(0, 100).join(''),
        t: contentType,
        e: Math.ceil(Date.now() / 1000) + seconds,
      };
      const text = Buffer.from(JSON.stringify(payload)).toString('base64url');
      return `${baseUrl()}/download/${text}.${sign(text).toString('base64url')}`;
    },

    /** What a URL names that is a link of this server; null for any other. @throws AtelierError `not_found` when it has expired */
    ownLink(url: string): Download | null {
      const prefix = `${baseUrl()}/download/`;
      if (!url.startsWith(prefix)) return null;
      const download = this.verify(url.slice(prefix.length));
      if (download === null) throw new AtelierError('not_found', { kind: 'Download' });
      return download;
    },

    /** What a link's token names; null when it was not made here, or has expired. */
    verify(token: string): Download | null {
      const [text, signature, ...rest] = token.split('.');
      if (text === undefined || signature === undefined || rest.length > 0) return null;
      const expected = sign(text);
      const given = Buffer.from(signature, 'base64url');
      if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null;
      const payload = payloadSchema.parse(JSON.parse(Buffer.from(text, 'base64url').toString()));
      return payload.e < Date.now() / 1000 ? null : { blob: payload.b, filename: payload.n, contentType: payload.t };
    },
  };
}
