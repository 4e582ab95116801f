import { AtelierError } from '@atelier/errors';
import { pageDpi } from '@atelier/memory';
import type { z } from 'zod';
import type { ReadPage } from '../../../core/documents/read-document.ts';
import type { Identity } from '../../../core/access/access.ts';
import { annotateDocument, type Annotation } from '../../../core/documents/annotate-document.ts';
import { identityOf } from '../../../http/identity.ts';
import { requestSignal } from '../../../http/request-signal.ts';
import type { MistralServices, Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { ocrRequestSchema, ocrResponseSchema } from '../schemas/ocr.ts';

type Request = z.infer<typeof ocrRequestSchema>;
type Response = z.infer<typeof ocrResponseSchema>;

/** What reads documents here, where a request names no model; annotations are by the text model that this name means. */
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
      const identity = identityOf(request);
      const signal = requestSignal(request);
      const model = body.model ?? defaultModel;
      refusePictures(body);
      const wanted = annotationOf(model, body.document_annotation_format);
      const { pages, bytes } = await services.readDocument(
        {
          url: await urlOf(services, identity, body.document),
          pages: body.pages ?? undefined,
          images: body.include_image_base64 ?? false,
          imageLimit: body.image_limit ?? undefined,
          imageMinSize: body.image_min_size ?? undefined,
        },
        signal,
      );
      const markdown = pages.map((page) => page.markdown).join('\n\n');
      return {
        pages: pages.map(wirePage),
        model,
        document_annotation: wanted && (await annotateDocument(services.inference, identity, markdown, wanted, signal)),
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
function refusePictures({ bbox_annotation_format }: Request): void {
  if (bbox_annotation_format)
    throw new AtelierError('invalid_request', {
      reason: 'bbox_annotation_format: no model that sees pictures is on this server',
    });
}

/** @throws AtelierError `invalid_request` for anything but a schema */
function annotationOf(model: string, format: Request['document_annotation_format']): Annotation | null {
  if (!format) return null;
  const { type, json_schema } = format;
  if (type !== 'json_schema' || !json_schema)
    throw new AtelierError('invalid_request', {
      reason: 'document_annotation_format: must be of type json_schema, and bring one',
    });
  return { model, schema: json_schema.schema, description: json_schema.description ?? undefined };
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
