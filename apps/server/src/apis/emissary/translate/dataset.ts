import type { z } from 'zod';
import type { DownloadLinks } from '../../../core/access/download-links.ts';
import type { Dataset } from '../../../core/datasets/datasets.ts';
import type { datasetDetailSchema, datasetSummarySchema } from '../schemas/datasets.ts';
import { unixSeconds } from './unix-time.ts';

const contentTypes: Readonly<Record<string, string>> = {
  csv: 'text/csv; charset=utf-8',
  jsonl: 'application/jsonl; charset=utf-8',
};

export function datasetSummary(dataset: Dataset): z.infer<typeof datasetSummarySchema> {
  return {
    id: dataset.id,
    name: dataset.name,
    created_at: unixSeconds(dataset.created_at),
    is_uploaded: dataset.state === 'ready',
  };
}

export function datasetDetail(dataset: Dataset, links: DownloadLinks): z.infer<typeof datasetDetailSchema> {
  const { format, source_blob } = dataset;
  return {
    ...datasetSummary(dataset),
    ...(source_blob !== null &&
      format !== null && {
        dataset_download_url: links.urlFor({
          blob: source_blob,
          filename: `${dataset.id}.${format}`,
          contentType: contentTypes[format] ?? 'application/octet-stream',
        }),
      }),
    upload_by: dataset.created_by,
    updated_at: unixSeconds(dataset.updated_at),
  };
}
