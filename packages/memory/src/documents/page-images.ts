/** Images that a page draws, where it draws them, and their pixels as PNG. */
import { PNG } from 'pngjs';
import type { PDFPageProxy } from 'unpdf/pdfjs';

/** In points, y upwards. */
export type DrawnImage = { left: number; bottom: number; right: number; top: number; pixels: Pixels | null };

export type Pixels = { width: number; height: number; data: Uint8Array; kind: number };

/** pdf.js's ImageKind. */
const kinds = { grey1: 1, rgb24: 2, rgba32: 3 };
/** More pixels than this are no picture in a text, but an attempt to fill the memory. */
const mostPixels = 100_000_000;

type Matrix = readonly [number, number, number, number, number, number];
type Operators = { fnArray: readonly number[]; argsArray: readonly unknown[][] };
export type OperatorCodes = Readonly<Record<'save' | 'restore' | 'transform' | 'paintImageXObject', number>>;

/** Follows the page's transformations up to each image; an image is the unit square of its place. */
export async function drawnImages(page: PDFPageProxy, codes: OperatorCodes, most: number): Promise<DrawnImage[]> {
  const { fnArray, argsArray } = (await page.getOperatorList()) as Operators;
  const images: DrawnImage[] = [];
  const stack: Matrix[] = [];
  let current: Matrix = [1, 0, 0, 1, 0, 0];
  for (const [at, code] of fnArray.entries()) {
    const args = argsArray[at] ?? [];
    if (code === codes.save) stack.push(current);
    else if (code === codes.restore) current = stack.pop() ?? current;
    else if (code === codes.transform) current = multiply(current, (args.length === 1 ? args[0] : args) as Matrix);
    else if (code === codes.paintImageXObject && images.length < most) {
      const [a, b, c, d, x, y] = current;
      const across = [x, x + a, x + c, x + a + c];
      const up = [y, y + b, y + d, y + b + d];
      images.push({
        left: Math.min(...across),
        right: Math.max(...across),
        bottom: Math.min(...up),
        top: Math.max(...up),
        pixels: await pixelsOf(page, String(args[0])),
      });
    }
  }
  return images;
}

function multiply([a, b, c, d, x, y]: Matrix, [e, f, g, h, u, v]: Matrix): Matrix {
  return [a * e + c * f, b * e + d * f, a * g + c * h, b * g + d * h, a * u + c * v + x, b * u + d * v + y];
}

async function pixelsOf(page: PDFPageProxy, id: string): Promise<Pixels | null> {
  const objects = id.startsWith('g_') ? page.commonObjs : page.objs;
  const image = await new Promise<Partial<Pixels> | null>((resolve) => objects.get(id, resolve));
  const { width = 0, height = 0, data, kind } = image ?? {};
  if (!data || kind === undefined || width * height === 0 || width * height > mostPixels) return null;
  return { width, height, data, kind };
}

/** @returns null for a form of pixels that pdf.js does not have. */
export function encodePng({ width, height, data, kind }: Pixels): Buffer | null {
  const png = new PNG({ width, height, colorType: kind === kinds.rgba32 ? 6 : 2 });
  const out = png.data;
  if (kind === kinds.rgba32) out.set(data.subarray(0, out.length));
  else if (kind === kinds.rgb24) {
    for (let pixel = 0; pixel < width * height; pixel++) {
      out.set(data.subarray(3 * pixel, 3 * pixel + 3), 4 * pixel);
      out[4 * pixel + 3] = 255;
    }
  } else if (kind === kinds.grey1) {
    const stride = (width + 7) >> 3;
    for (let pixel = 0; pixel < width * height; pixel++) {
      const column = pixel % width;
      const byte = data[Math.floor(pixel / width) * stride + (column >> 3)]!;
      out.fill(byte & (0x80 >> (column & 7)) ? 255 : 0, 4 * pixel, 4 * pixel + 3);
      out[4 * pixel + 3] = 255;
    }
  } else return null;
  return PNG.sync.write(png);
}
