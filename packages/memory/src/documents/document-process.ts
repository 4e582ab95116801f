/**
 * The process that reads documents of strangers. It holds nothing worth taking, may read files and nothing else, and its
 * parent kills it when a document takes too long or too much.
 */
import { readFile } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import type { PDFPageProxy } from 'unpdf/pdfjs';
import { getDocumentProxy, getResolvedPDFJS } from 'unpdf';
import { documentOptionsSchema, type DocumentImage, type DocumentPage, type DocumentReply, pageDpi } from './page.ts';
import { drawnImages, encodePng, type OperatorCodes } from './page-images.ts';
import { pageMarkdown } from './page-markdown.ts';
import { textLines, type TextPiece } from './text-lines.ts';

/** Points are 1/72 of an inch. */
const pixelsPerPoint = pageDpi / 72;
const longestReason = 200;

/** While a document spins, this thread never sees that its parent is gone; another one does. */
const watchParent = `
  const { workerData: parent } = require('node:worker_threads');
  setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL'); }, 1000);
`;

/** Resolves when the parent has it, so that pages do not pile up here. */
function tell(reply: DocumentReply): Promise<void> {
  return new Promise((resolve) => process.send!(reply, undefined, undefined, () => resolve()));
}

async function read(message: unknown): Promise<void> {
  const options = documentOptionsSchema.parse(message);
  const document = await getDocumentProxy(new Uint8Array(await readFile(options.file)), { verbosity: 0 });
  const { OPS } = await getResolvedPDFJS();
  const wanted = options.pages ?? Array.from({ length: document.numPages }, (_, index) => index);
  if (wanted.length > options.mostPages) throw new Error(`it has more than ${options.mostPages} pages`);
  let imagesLeft = options.imageLimit;
  for (const index of wanted) {
    if (index >= document.numPages)
      throw new Error(`it has no page ${index}: they count from 0 to ${document.numPages - 1}`);
    const page = await document.getPage(index + 1);
    const read = await readPage(page, OPS, index, { ...options, imageLimit: imagesLeft });
    imagesLeft -= read.images.length;
    await tell({ type: 'page', page: read });
    page.cleanup();
  }
  await tell({ type: 'end', pages: wanted.length });
}

async function readPage(
  page: PDFPageProxy,
  codes: OperatorCodes,
  index: number,
  { images: withPixels, imageLimit, imageMinSize }: { images: boolean; imageLimit: number; imageMinSize: number },
): Promise<DocumentPage> {
  const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = page.view;
  const { items } = await page.getTextContent();
  const pieces = items.filter((item): item is typeof item & TextPiece => 'str' in item);
  const characters = pieces.reduce((sum, { str }) => sum + str.trim().length, 0);
  const pixel = (points: number, most: number) => Math.round(Math.min(Math.max(points, 0), most) * pixelsPerPoint);
  const drawn = (await drawnImages(page, codes, 1000))
    .filter(({ pixels }) => pixels === null || Math.min(pixels.width, pixels.height) >= imageMinSize)
    .slice(0, imageLimit);
  // A page without text is read from its picture, so the parent gets to have it.
  const images = drawn.map((image, at): DocumentImage => {
    const png = (withPixels || characters === 0) && image.pixels ? encodePng(image.pixels) : null;
    return {
      id: `img-${at}.png`,
      left: pixel(image.left - x0, x1 - x0),
      right: pixel(image.right - x0, x1 - x0),
      top: pixel(y1 - image.top, y1 - y0),
      bottom: pixel(y1 - image.bottom, y1 - y0),
      png: png && png.toString('base64'),
    };
  });
  const placed = drawn.map(({ top }, at) => ({ id: images[at]!.id, top }));
  return {
    index,
    width: Math.round((x1 - x0) * pixelsPerPoint),
    height: Math.round((y1 - y0) * pixelsPerPoint),
    markdown: pageMarkdown(textLines(pieces), placed),
    characters,
    images,
  };
}

process.on('disconnect', () => process.exit());
process.once('message', (message) => {
  read(message)
    .catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : 'it cannot be read';
      return tell({ type: 'failed', reason: reason.replace(/\p{Cc}+/gu, ' ').slice(0, longestReason) });
    })
    .finally(() => process.exit());
});
new Worker(watchParent, { eval: true, workerData: process.ppid, stdout: true, stderr: true });
void tell({ type: 'ready' });
