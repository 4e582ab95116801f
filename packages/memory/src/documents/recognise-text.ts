/** Text in pictures, by Debian's tesseract-ocr where it is installed. */
import { spawn } from 'node:child_process';
import { AtelierError } from '@atelier/errors';

/** Reads the text of a picture (PNG, JPEG, TIFF, BMP, GIF, WebP). */
export type TextRecogniser = (picture: Uint8Array, signal: AbortSignal) => Promise<string>;

/** A page takes seconds; a busy machine some more. */
const timeoutMs = 120_000;
/** A page has a few thousand characters. */
const mostOutputBytes = 4 << 20;

/** @throws AtelierError `not_installed` naming the package, `invalid_request` for what is no picture; the signal's reason */
export async function readImageText(picture: Uint8Array, signal: AbortSignal, languages = 'eng'): Promise<string> {
  signal.throwIfAborted();
  // One thread: pages are read side by side, and its own threads spin.
  const child = spawn('tesseract', ['stdin', 'stdout', '-l', languages, '--psm', '3'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { PATH: process.env['PATH'] ?? '', OMP_THREAD_LIMIT: '1' },
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    killSignal: 'SIGKILL',
  });
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.once('error', reject);
  child.once('close', resolve);
  child.stdin.on('error', () => {}); // it may leave before it has read all
  child.stdin.end(picture);
  const chunks: Buffer[] = [];
  let bytes = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > mostOutputBytes) child.kill('SIGKILL');
    else chunks.push(chunk);
  });
  let code: number | null;
  try {
    code = await promise;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new AtelierError('not_installed', { what: 'Reading text from pictures', package: 'tesseract-ocr' }, error);
    throw new AtelierError('invalid_request', { reason: 'The picture took too long to read' }, error);
  }
  if (code !== 0) throw new AtelierError('invalid_request', { reason: 'The picture cannot be read' });
  return paragraphs(Buffer.concat(chunks).toString('utf8'));
}

/** A recogniser of these languages (tesseract's names, joined by +). */
export function textRecogniser(languages: string): TextRecogniser {
  return (picture, signal) => readImageText(picture, signal, languages);
}

/** Lines of one paragraph become one, a word parted at their ends is one again. */
function paragraphs(text: string): string {
  return text
    .replaceAll('\f', '')
    .split(/\n\s*\n/)
    .map((paragraph) =>
      paragraph
        .trim()
        .replace(/(\p{Ll})-\n(?=\p{Ll})/gu, '$1')
        .replaceAll('\n', ' '),
    )
    .filter((paragraph) => paragraph !== '')
    .join('\n\n');
}
