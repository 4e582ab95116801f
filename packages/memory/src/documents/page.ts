/** A page of a document, as the process that reads documents tells it. */
import { z } from 'zod';

/** Boxes and dimensions are in pixels of a page image at this resolution. */
export const pageDpi = 200;

const pixels = z.int().min(0);

export const documentImageSchema = z.strictObject({
  /** Also its place in the markdown: `![<id>](<id>)`. */
  id: z.string(),
  left: pixels,
  top: pixels,
  right: pixels,
  bottom: pixels,
  /** PNG in base64; null where it was not asked for, or the file's own form cannot be decoded. */
  png: z.base64().nullable(),
});
export type DocumentImage = z.infer<typeof documentImageSchema>;

export const documentPageSchema = z.strictObject({
  /** From 0. */
  index: z.int().min(0),
  width: pixels,
  height: pixels,
  markdown: z.string(),
  /** Characters of text that the page itself brings. */
  characters: z.int().min(0),
  images: z.array(documentImageSchema),
});
export type DocumentPage = z.infer<typeof documentPageSchema>;

export const documentOptionsSchema = z.strictObject({
  file: z.string(),
  /** Pages to read, from 0; absent: all. */
  pages: z.array(z.int().min(0)).optional(),
  images: z.boolean(),
  /** Images of all pages together, at most. */
  imageLimit: z.int().min(0),
  /** Pixels that an image has to have, both ways. */
  imageMinSize: z.int().min(0),
  mostPages: z.int().min(1),
});

export const documentReplySchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('ready') }),
  z.strictObject({ type: z.literal('page'), page: documentPageSchema }),
  z.strictObject({ type: z.literal('end'), pages: z.int().min(0) }),
  z.strictObject({ type: z.literal('failed'), reason: z.string() }),
]);
export type DocumentReply = z.infer<typeof documentReplySchema>;
