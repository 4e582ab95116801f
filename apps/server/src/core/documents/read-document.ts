/** Documents that users name by URL, read page by page: PDFs by their own text, pictures and scanned pages by recognition. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { AtelierError } from '@atelier/errors';
import { type DocumentPage, readPdf, type TextRecogniser } from '@atelier/memory';
import type { FetchUrl } from '../../outbound/fetch-url.ts';
import type { BlobStore } from '../../storage/blobs/blob-store.ts';
import type { DownloadLinks } from '../access/download-links.ts';

export type ReadDocumentParts = {
  blobs: BlobStore;
  links: DownloadLinks;
  fetchUrl: FetchUrl;
  recognise: TextRecogniser;
  /** Holds documents while they are read. */
  directory: string;
};

export type DocumentRequest = {
  url: string;
  pages?: readonly number[] | undefined;
  /** Gives the pixels of images as well as their places. */
  images: boolean;
  imageLimit?: number | undefined;
  imageMinSize?: number | undefined;
};

export type ReadDocument = (
  request: DocumentRequest,
  signal: AbortSignal,
) => Promise<{ pages: ReadPage[]; bytes: number }>;
/** A picture has no pages: it is one, of a size that nobody measured. */
export type ReadPage = Omit<DocumentPage, 'width' | 'height'> & { width: number | null; height: number | null };

/** What the hosted API takes. */
const MOST_BYTES = 50 << 20;

/** How files of these kinds begin. */
const pictures = [
  [0x89, 0x50, 0x4e, 0x47],
  [0xff, 0xd8, 0xff],
  [0x47, 0x49, 0x46, 0x38],
  [0x52, 0x49, 0x46, 0x46],
  [0x49, 0x49, 0x2a, 0x00],
  [0x4d, 0x4d, 0x00, 0x2a],
  [0x42, 0x4d],
].map((bytes) => Buffer.from(bytes));
/** The mark of a PDF may come after up to 1024 other bytes. */
const pdfMark = Buffer.from('%PDF-');
const PDF_MARK_WITHIN = 1024;

export function createReadDocument({ blobs, links, fetchUrl, recognise, directory }: ReadDocumentParts): ReadDocument {
  /** Links that this server made name a blob: they are read without the network, which may not even reach this server. */
  async function fetchDocument(url: string, signal: AbortSignal): Promise<Buffer> {
    const own = links.ownLink(url);
    if (own === null) return (await fetchUrl(url, MOST_BYTES, signal)).content;
    if ((await blobs.size(own.blob)) > MOST_BYTES) throw new AtelierError('payload_too_large', { limit: MOST_BYTES });
    return Buffer.concat(await Array.fromAsync(blobs.read(own.blob) as AsyncIterable<Buffer>));
  }

  async function readPages(file: string, request: DocumentRequest, signal: AbortSignal): Promise<ReadPage[]> {
    const pages: ReadPage[] = [];
    for await (const page of readPdf(file, request, signal))
      pages.push(await withRecognisedText(page, request, signal));
    return pages;
  }

  /** A page without text of its own is a scan: its pictures hold the text. */
  async function withRecognisedText(page: DocumentPage, { images }: DocumentRequest, signal: AbortSignal) {
    if (page.characters > 0 || page.images.length === 0) return page;
    const texts: string[] = [];
    for (const { png } of page.images)
      if (png !== null) texts.push(await recognise(Buffer.from(png, 'base64'), signal));
    const text = texts.filter((each) => each !== '').join('\n\n');
    const shown = page.images.map((image) => (images ? image : { ...image, png: null }));
    return { ...page, images: shown, markdown: text === '' ? page.markdown : text };
  }

  return async (request, signal) => {
    const content = await fetchDocument(request.url, signal);
    const bytes = content.length;
    if (content.subarray(0, PDF_MARK_WITHIN).includes(pdfMark)) {
      const place = await mkdtemp(path.join(directory, 'document-'));
      try {
        const file = path.join(place, 'document.pdf');
        await writeFile(file, content, { mode: 0o600 });
        return { pages: await readPages(file, request, signal), bytes };
      } finally {
        await rm(place, { recursive: true, force: true });
      }
    }
    if (pictures.some((mark) => content.subarray(0, mark.length).equals(mark))) {
      const markdown = await recognise(content, signal);
      const page = { index: 0, width: null, height: null, markdown, characters: 0, images: [] };
      return { pages: [page], bytes };
    }
    throw new AtelierError('invalid_request', { reason: 'The document is neither a PDF nor a picture' });
  };
}
