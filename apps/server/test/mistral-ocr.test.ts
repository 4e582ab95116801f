import { spawnSync } from 'node:child_process';
import { PNG } from 'pngjs';
import type { Mistral } from 'mistralai-1';
import type { Mistral as MistralTwo } from 'mistralai-2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { plainPixels, writePdf } from '../../../packages/memory/test/pdf.ts';
import type { EmissaryServer } from './support/emissary-server.ts';
import { type MistralServer, mistralServer } from './support/mistral-server.ts';

let mistral: MistralServer;
let server: EmissaryServer;
let client: Mistral;
let clientTwo: MistralTwo;
beforeAll(async () => {
  mistral = await mistralServer({ ATELIER_TRAINING_JOBS: '0' });
  ({ server, client, clientTwo } = mistral);
}, 120_000);
afterAll(() => mistral[Symbol.asyncDispose]());

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

describe('annotations', () => {
  const document = { type: 'document_url' as const, documentUrl: dataUrl('application/pdf', pdf) };
  const schemaDefinition = {
    type: 'object',
    properties: { pages: { type: 'integer', minimum: 1, maximum: 9 }, kind: { enum: ['letter', 'bill'] } },
    required: ['pages', 'kind'],
    additionalProperties: false,
  };
  const jsonSchema = { name: 'paper', description: 'What kind of paper it is', schemaDefinition };
  const tooLong = { type: 'array', items: { const: 'It says this and nothing else. '.repeat(9) }, minItems: 40 };
  const wire = (schema: object) => ({ type: 'json_schema', json_schema: { name: 'paper', schema } });
  const asked = (given: object) => ({
    model,
    document: { type: 'document_url', document_url: document.documentUrl },
    ...given,
  });

  it('of a document are JSON as the schema says, by the text model that the name means', async () => {
    const documentAnnotationFormat = { type: 'json_schema' as const, jsonSchema };
    for (const each of [client, clientTwo]) {
      const answer = await each.ocr.process({ model, document, documentAnnotationFormat });
      expect(JSON.parse(answer.documentAnnotation!)).toEqual({
        pages: expect.any(Number),
        kind: expect.stringMatching(/^(letter|bill)$/),
      });
      expect(answer.pages).toHaveLength(2);
    }
    expect((await client.ocr.process({ model, document })).documentAnnotation).toBeNull();
  }, 60_000);

  it.each([
    [{ bbox_annotation_format: wire(schemaDefinition) }, 400, 'no model that sees pictures'],
    [{ document_annotation_format: { type: 'json_object' } }, 400, 'must be of type json_schema'],
    [{ document_annotation_format: { type: 'json_schema' } }, 400, 'and bring one'],
    [{ document_annotation_format: wire({ type: 'string', pattern: '(?=x)y' }) }, 400, 'cannot be enforced'],
    [{ document_annotation_format: wire(schemaDefinition), model: 'nothing' }, 400, 'no model nothing'],
    [{ document_annotation_format: wire(schemaDefinition), model: 'tiny-chat' }, 400, 'the model holds'],
    [{ document_annotation_format: wire(tooLong) }, 400, 'does not fit'],
    [{ document_annotation_format: wire(schemaDefinition), surprise: 1 }, 422, 'surprise'],
  ])(
    'asked for as %j are refused with %i',
    async (given, status, message) => {
      const answer = await mistral.post('/v1/ocr', asked(given));
      expect(answer).toMatchObject({ status, body: { object: 'error' } });
      expect(JSON.stringify(answer.body)).toContain(message);
    },
    60_000,
  );
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
