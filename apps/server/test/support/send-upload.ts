/** An upload over a real connection, sent piece by piece, as large files are. */
import { Agent, request as httpRequest } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

const boundary = 'a-boundary-that-is-in-no-row';

export type UploadTarget = { url: string; key: string; project: string };

export type UploadAnswer = {
  status: number;
  body: string;
  /** Bytes of the file that had been sent when the answer came. */
  sent: number;
  /** From the last piece to the answer. */
  afterMs: number;
};

/** Sends a form whose file is `content`; `announced`: with a Content-Length of so many bytes of file, else in chunks. */
export function sendUpload(
  { url, key, project }: UploadTarget,
  content: AsyncIterable<Uint8Array>,
  announced?: number,
): Promise<UploadAnswer> {
  const head = `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="large.jsonl"\r\n\r\n`;
  const tail = `\r\n--${boundary}--\r\n`;
  const { hostname, port } = new URL(url);
  const agent = new Agent({ keepAlive: true }); // its own connection, which stays open as long as the server lets it
  return new Promise((resolve, reject) => {
    const sending = httpRequest({
      host: hostname,
      port,
      agent,
      method: 'POST',
      path: `/emissary/v1/projects/${project}/datasets`,
      headers: {
        'x-api-key': key,
        'content-type': `multipart/form-data; boundary=${boundary}`,
        ...(announced !== undefined && { 'content-length': head.length + announced + tail.length }),
      },
    });
    let sent = 0;
    let lastSent = performance.now();
    sending.on('error', reject).on('response', (response) => {
      const seen = { sent, afterMs: performance.now() - lastSent };
      let body = '';
      response
        .setEncoding('utf8')
        .on('data', (text: string) => (body += text))
        .on('end', () => {
          resolve({ status: response.statusCode!, body, ...seen });
          sending.destroy(); // whether or not everything was sent
        });
    });
    async function* parts(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(head);
      for await (const piece of content) {
        lastSent = performance.now();
        sent += piece.byteLength;
        yield piece;
      }
      yield Buffer.from(tail);
    }
    pipeline(Readable.from(parts()), sending).catch(() => {}); // an early answer ends the sending
  });
}
