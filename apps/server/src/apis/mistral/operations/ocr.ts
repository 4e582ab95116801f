import { AtelierError } from '@atelier/errors';
import { pageDpi } from '@atelier/memory';
import type { z } from 'zod';
import type { ReadPage } from '../../../core/documents/read-document.ts';
import type { Identity } from '../../../core/access/access.ts';
import { identityOf } from '../../../http/identity.ts';
import { requestSignal } from '../../../http/request-signal.ts';
import type { MistralServices, Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { ocrRequestSchema, ocrResponseSchema } from '../schemas/ocr.ts';

type Request = z.infer<typeof ocrRequestSchema>;
type Response = z.infer<typeof ocrResponseSchema>;

/** What reads documents here, where a request names no model. */
const defaultModel = 'mistral-ocr-latest';

export const ocr: Operation = (app, services) => {
  app.post(
    '/v1/ocr',
    {
      // A document may come in the request itself.
      bodyLimit: 96 << 20,
      schema: {
        operationId: 'ocr_v1_ocr_post',
        tags: ['ocr'],
        summary: 'The pages of a document as Markdown',
        body: ocrRequestSchema,
        response: { 200: ocrResponseSchema, ...errorResponses },
      },
    },
    async (request) => {
      const { body } = request;
      refuseAnnotations(body);
      const { pages, bytes } = await services.readDocument(
        {
          url: await urlOf(services, identityOf(request), body.document),
          pages: body.pages ?? undefined,
          images: body.include_image_base64 ?? false,
          imageLimit: body.image_limit ?? undefined,
          imageMinSize: body.image_min_size ?? undefined,
        },
        requestSignal(request),
      );
      return {
        pages: pages.map(wirePage),
        model: body.model ?? defaultModel,
        document_annotation: null,
        usage_info: { pages_processed: pages.length, doc_size_bytes: bytes },
      };
    },
  );
};

async function urlOf({ files, links }: MistralServices, identity: Identity, document: Request['document']) {
  if ('document_url' in document) return document.document_url;
  if ('image_url' in document)
    return typeof document.image_url === 'string' ? document.image_url : document.image_url.url;
  const file = await files.get(identity, document.file_id);
  return links.urlFor({ blob: file.blob, filename: file.name, contentType: 'application/octet-stream' });
}

/** @throws AtelierError `invalid_request` */
function refuseAnnotations({ bbox_annotation_format, document_annotation_format }: Request): void {
  const wanted = bbox_annotation_format
    ? 'bbox_annotation_format'
    : document_annotation_format && 'document_annotation_format';
  if (wanted)
    throw new AtelierError('invalid_request', {
      reason: `${wanted}: no model that sees pictures is on this server; ask a chat model about the Markdown instead`,
    });
}

function wirePage({ index, markdown, images, width, height }: ReadPage): Response['pages'][number] {
  return {
    index,
    markdown,
    images: images.map(({ id, left, top, right, bottom, png }) => ({
      id,
      top_left_x: left,
      top_left_y: top,
      bottom_right_x: right,
      bottom_right_y: bottom,
      image_base64: png === null ? null : `data:image/png;base64,${png}`,
      image_annotation: null,
    })),
    dimensions: width === null || height === null ? null : { dpi: pageDpi, height, width },
  };
}
