import { spawnSync } from 'node:child_process';
import { PNG } from 'pngjs';
import { Mistral } from 'mistralai-1';
import { Mistral as MistralTwo } from 'mistralai-2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { plainPixels, writePdf } from '../../../packages/memory/test/pdf.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';
import { testServer } from './support/test-server.ts';
import type { Server } from '../src/main.ts';

const stack = new AsyncDisposableStack();
let server: Server;
let client: Mistral;
let clientTwo: MistralTwo;
beforeAll(async () => {
  const directory = stack.use(await temporaryDirectory());
  server = stack.use(await testServer(directory.path));
  client = new Mistral({ apiKey: server.adminKey, serverURL: server.url });
  clientTwo = new MistralTwo({ apiKey: server.adminKey, serverURL: server.url });
}, 120_000);
afterAll(() => stack.disposeAsync());

const model = 'mistral-ocr-latest';
const pdf = writePdf([
  { texts: [{ text: 'The first page', x: 72, y: 700, size: 10 }] },
  {
    texts: [{ text: 'The second page', x: 72, y: 700, size: 10 }],
    images: [{ x: 72, y: 540, width: 144, height: 72, pixels: plainPixels(20, 10, [0, 128, 255]) }],
  },
]);
const dataUrl = (type: string, content: Uint8Array) => `data:${type};base64,${Buffer.from(content).toString('base64')}`;
const hasTesseract = spawnSync('tesseract', ['--version']).status === 0;

/** Large letters in black on white, as dots of a 5 x 7 grid. */
function picture(text: string): { width: number; height: number; rgb: Uint8Array } {
  const glyphs: Record<string, string[]> = {
    H: ['10001', '10001', '10001', '11111', '10001', '10001', '10001'],
    E: ['11111', '10000', '10000', '11110', '10000', '10000', '11111'],
    L: ['10000', '10000', '10000', '10000', '10000', '10000', '11111'],
    O: ['01110', '10001', '10001', '10001', '10001', '10001', '01110'],
  };
  const dot = 8;
  const width = (6 * text.length + 8) * dot;
  const height = 20 * dot;
  const rgb = new Uint8Array(3 * width * height).fill(255);
  for (const [at, letter] of [...text].entries()) {
    for (let y = 0; y < 7 * dot; y++)
      for (let x = 0; x < 5 * dot; x++) {
        if (glyphs[letter]![Math.floor(y / dot)]![Math.floor(x / dot)] !== '1') continue;
        const pixel = (y + 6 * dot) * width + x + (6 * at + 4) * dot;
        rgb.fill(0, 3 * pixel, 3 * pixel + 3);
      }
  }
  return { width, height, rgb };
}

function png({ width, height, rgb }: ReturnType<typeof picture>): Buffer {
  const image = new PNG({ width, height });
  for (let pixel = 0; pixel < width * height; pixel++) {
    image.data.set(rgb.subarray(3 * pixel, 3 * pixel + 3), 4 * pixel);
    image.data[4 * pixel + 3] = 255;
  }
  return PNG.sync.write(image);
}

describe('a born-digital PDF', () => {
  it('comes back page by page, from a data URL, a signed URL and an uploaded file', async () => {
    const uploaded = await client.files.upload({
      file: { fileName: 'a.pdf', content: new Blob([pdf]) },
      purpose: 'ocr',
    });
    const { url } = await client.files.getSignedUrl({ fileId: uploaded.id });
    const answers = [
      await client.ocr.process({
        model,
        document: { type: 'document_url', documentUrl: dataUrl('application/pdf', pdf) },
      }),
      await client.ocr.process({ model, document: { type: 'document_url', documentUrl: url } }),
      await clientTwo.ocr.process({ model, document: { type: 'file', fileId: uploaded.id } }),
    ];
    for (const answer of answers) {
      expect(answer.pages.map(({ index, markdown }) => [index, markdown])).toEqual([
        [0, 'The first page'],
        [1, 'The second page\n\n![img-0.png](img-0.png)'],
      ]);
      expect(answer.usageInfo).toEqual({ pagesProcessed: 2, docSizeBytes: pdf.length });
      expect(answer.pages[1]).toMatchObject({
        dimensions: { dpi: 200, width: 1700, height: 2200 },
        images: [{ topLeftX: 200, topLeftY: 500, bottomRightX: 600, bottomRightY: 700 }],
      });
    }
  }, 60_000);

  it('gives only what is asked for', async () => {
    const document = { type: 'document_url' as const, documentUrl: dataUrl('application/pdf', pdf) };
    const answer = await client.ocr.process({ model, document, pages: [1], includeImageBase64: true });
    const ranged = await clientTwo.ocr.process({ model, document, pages: '1' });
    expect(ranged.pages.map(({ index }) => index)).toEqual([1]);
    expect(answer.pages.map(({ index }) => index)).toEqual([1]);
    expect(answer.pages[0]!.images[0]!.imageBase64).toMatch(/^data:image\/png;base64,/);
    const without = await client.ocr.process({ model, document, imageLimit: 0 });
    expect(without.pages.flatMap(({ images }) => images)).toEqual([]);
  }, 60_000);
});

describe('text in pictures', () => {
  it.skipIf(!hasTesseract)(
    'is read from a picture and from a scanned page (needs tesseract-ocr)',
    async () => {
      const pixels = picture('HELLO');
      const seen = await client.ocr.process({
        model,
        document: { type: 'image_url', imageUrl: dataUrl('image/png', png(pixels)) },
      });
      expect(seen.pages[0]!.markdown).toMatch(/HELL/i);
      const scan = writePdf([{ images: [{ x: 0, y: 300, width: 612, height: 300, pixels }] }]);
      const read = await client.ocr.process({
        model,
        document: { type: 'document_url', documentUrl: dataUrl('application/pdf', scan) },
      });
      expect(read.pages[0]!.markdown).toMatch(/HELL/i);
    },
    60_000,
  );
});

describe('a document that cannot be read', () => {
  it.each([
    ['text', dataUrl('text/plain', Buffer.from('hello')), 'neither a PDF nor a picture'],
    ['a broken PDF', dataUrl('application/pdf', Buffer.from('%PDF-1.4 and nothing')), 'The document:'],
    ['a private address', 'http://127.0.0.1:9/', 'not on the public internet'],
    ['a file', 'file:///etc/passwd', 'only http, https and data'],
    ['a link that was tampered with', 'DOWNLOAD', 'Download not found'],
  ])(
    'as %s is refused with the reason',
    async (_name, url, message) => {
      const documentUrl = url === 'DOWNLOAD' ? `${server.url}/download/abc.def` : url;
      await expect(
        client.ocr.process({ model, document: { type: 'document_url', documentUrl } }),
      ).rejects.toMatchObject({ body: expect.stringContaining(message) });
    },
    60_000,
  );
});
