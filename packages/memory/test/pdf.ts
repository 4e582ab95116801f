/** Writes small PDFs: pages of text at places, and of images. */
import { deflateSync } from 'node:zlib';

export type PdfText = { text: string; x: number; y: number; size: number };
/** 8-bit RGB, drawn with its lower left corner at x, y; all but the pixels in points. */
export type PdfImage = {
  x: number;
  y: number;
  width: number;
  height: number;
  pixels: { width: number; height: number; rgb: Uint8Array };
};
export type PdfPage = { texts?: PdfText[]; images?: PdfImage[] };

export function writePdf(pages: readonly PdfPage[], [width, height] = [612, 792]): Buffer {
  const objects: Buffer[] = [];
  const add = (body: string | Buffer): number => objects.push(Buffer.from(body));
  const stream = (dictionary: string, data: Uint8Array) =>
    Buffer.concat([
      Buffer.from(`<< ${dictionary} /Length ${data.length} >>\nstream\n`),
      data,
      Buffer.from('\nendstream'),
    ]);
  add('<< /Type /Catalog /Pages 2 0 R >>');
  const pagesAt = add('');
  const font = add('<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>');
  const kids: number[] = [];
  for (const { texts = [], images = [] } of pages) {
    const drawn = images.map(({ pixels }) =>
      add(
        stream(
          `/Type /XObject /Subtype /Image /Width ${pixels.width} /Height ${pixels.height} /ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /FlateDecode`,
          deflateSync(pixels.rgb),
        ),
      ),
    );
    const escape = (text: string) => text.replace(/[\\()]/g, '\\$&');
    const content = [
      ...images.map((image, at) => `q ${image.width} 0 0 ${image.height} ${image.x} ${image.y} cm /I${at} Do Q`),
      ...texts.map(({ text, x, y, size }) => `BT /F ${size} Tf ${x} ${y} Td (${escape(text)}) Tj ET`),
    ].join('\n');
    const contents = add(stream('', Buffer.from(content)));
    const names = drawn.map((id, at) => `/I${at} ${id} 0 R`).join(' ');
    kids.push(
      add(
        `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${width} ${height}] /Contents ${contents} 0 R /Resources << /Font << /F ${font} 0 R >> /XObject << ${names} >> >> >>`,
      ),
    );
  }
  objects[pagesAt - 1] = Buffer.from(
    `<< /Type /Pages /Count ${kids.length} /Kids [${kids.map((id) => `${id} 0 R`).join(' ')}] >>`,
  );
  const parts = [Buffer.from('%PDF-1.4\n')];
  const offsets: number[] = [];
  let at = parts[0]!.length;
  for (const [index, body] of objects.entries()) {
    const object = Buffer.concat([Buffer.from(`${index + 1} 0 obj\n`), body, Buffer.from('\nendobj\n')]);
    offsets.push(at);
    at += object.length;
    parts.push(object);
  }
  const table = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('');
  parts.push(
    Buffer.from(
      `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${table}trailer << /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${at}\n%%EOF`,
    ),
  );
  return Buffer.concat(parts);
}

/** One colour. */
export function plainPixels(width: number, height: number, colour: readonly [number, number, number]) {
  return { width, height, rgb: Uint8Array.from({ length: 3 * width * height }, (_, at) => colour[at % 3]!) };
}
