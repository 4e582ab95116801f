import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PdfOptions, readPdf } from '../src/index.ts';
import { plainPixels, type PdfPage, writePdf } from './pdf.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'atelier-pdf-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

let files = 0;
async function read(content: Uint8Array, options: Partial<PdfOptions> = {}, signal = new AbortController().signal) {
  const file = path.join(directory, `${files++}.pdf`);
  await writeFile(file, content);
  return Array.fromAsync(readPdf(file, { images: false, ...options }, signal));
}
const line = (text: string, y: number, x = 72, size = 10) => ({ text, x, y, size });
const filler = 'The quick brown fox jumps over the lazy dog and back again.';

const page: PdfPage = {
  texts: [
    line('Annual report', 720, 72, 24),
    line(filler, 690),
    line('It goes on in a second line that ends with a hy-', 678),
    line('phen and stops here.', 666),
    line(filler, 630),
    line('Figures', 600, 72, 14),
    line('- apples and', 570),
    line('pears', 558, 82),
    line('- plums', 546),
    line('1. one', 510),
    line('2. two', 498),
    line('Name', 460),
    line('Price', 460, 250),
    line('Tea', 448),
    line('3', 448, 250),
    line('Coffee', 436),
    line('4', 436, 250),
  ],
};

describe('a born-digital PDF', () => {
  it('is read as headings, paragraphs, lists and tables', async () => {
    const [first, ...rest] = await read(writePdf([page]));
    expect(rest).toEqual([]);
    expect(first).toMatchObject({ index: 0, width: 1700, height: 2200, images: [] });
    expect(first!.markdown.split('\n\n')).toEqual([
      '# Annual report',
      `${filler} It goes on in a second line that ends with a hyphen and stops here.`,
      filler,
      '## Figures',
      '- apples and pears\n- plums',
      '1. one\n2. two',
      '| Name | Price |\n| --- | --- |\n| Tea | 3 |\n| Coffee | 4 |',
    ]);
  }, 60_000);

  it('has its images where they are drawn, with their pixels when asked', async () => {
    const pixels = plainPixels(20, 10, [255, 0, 64]);
    const content = writePdf([
      {
        texts: [line('Above', 700), line('Below', 500)],
        images: [{ x: 72, y: 540, width: 144, height: 72, pixels }],
      },
    ]);
    const [shown] = await read(content, { images: true });
    expect(shown!.markdown).toBe('Above\n\n![img-0.png](img-0.png)\n\nBelow');
    const [image] = shown!.images;
    expect(image).toMatchObject({ id: 'img-0.png', left: 200, right: 600, top: 500, bottom: 700 });
    const png = PNG.sync.read(Buffer.from(image!.png!, 'base64'));
    expect([png.width, png.height, ...png.data.subarray(0, 4)]).toEqual([20, 10, 255, 0, 64, 255]);
    expect((await read(content))[0]!.images[0]!.png).toBeNull();
    expect((await read(content, { imageLimit: 0 }))[0]!.images).toEqual([]);
    expect((await read(content, { imageMinSize: 11 }))[0]!.images).toEqual([]);
  }, 60_000);

  it('is read by the pages that are asked for', async () => {
    const content = writePdf(['zero', 'one', 'two'].map((text) => ({ texts: [line(text, 700)] })));
    const pages = await read(content, { pages: [2, 0] });
    expect(pages.map(({ index, markdown }) => [index, markdown])).toEqual([
      [2, 'two'],
      [0, 'zero'],
    ]);
    await expect(read(content, { pages: [3] })).rejects.toThrow('it has no page 3: they count from 0 to 2');
  }, 60_000);
});

describe('a hostile document', () => {
  it('is refused, whatever was done to it', async () => {
    const whole = writePdf([page]);
    await expect(read(Buffer.from('no PDF at all'))).rejects.toMatchObject({ code: 'invalid_request' });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 20 }),
        async (changes) => {
          const broken = Buffer.from(whole);
          for (const [at, value] of changes) broken[at] = value;
          await read(broken, { images: true }).catch((error: unknown) =>
            expect(error).toMatchObject({ code: 'invalid_request' }),
          );
        },
      ),
      { numRuns: 5, seed: 7 },
    );
  }, 120_000);

  it('is given up when it takes too long, or nobody waits any more', async () => {
    const content = writePdf([page]);
    await expect(read(content, { timeoutMs: 1 })).rejects.toThrow('took longer than');
    const left = new AbortController();
    left.abort(new Error('left'));
    await expect(read(content, {}, left.signal)).rejects.toThrow('left');
  }, 60_000);
});
