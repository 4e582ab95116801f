export { readPdf, type PdfOptions } from './documents/read-pdf.ts';
export { type DocumentImage, type DocumentPage, pageDpi } from './documents/page.ts';
export { readImageText, textRecogniser, type TextRecogniser } from './documents/recognise-text.ts';
