import type { z } from 'zod';
import type { DownloadLinks } from '../../../core/access/download-links.ts';
import type { Checkpoint } from '../../../core/training/training-jobs.ts';
import type { checkpointSchema } from '../schemas/training-jobs.ts';
import { unixSeconds } from './unix-time.ts';

/** Counts whole, shares and losses with four decimals: the published form knows only strings. */
const shown = (value: number) => (Number.isInteger(value) ? String(value) : value.toFixed(4));

export function checkpoint(row: Checkpoint, links: DownloadLinks): z.infer<typeof checkpointSchema> {
  const name = `${row.job_id}-checkpoint-${row.number}`;
  return {
    checkpoint: row.number,
    model_download_url: links.urlFor({
      blob: (row.adapter_blob ?? row.model_blob)!,
      filename: `${name}.gguf`,
      contentType: 'application/octet-stream',
    }),
    test_results: {
      ...(row.test_result_blob !== null && {
        general_test_result: links.urlFor({
          blob: row.test_result_blob,
          filename: `${name}-test.jsonl`,
          contentType: 'application/jsonl; charset=utf-8',
        }),
      }),
      aggregated_test_result: Object.fromEntries(
        Object.entries(row.metrics ?? {}).map(([name, value]) => [name, shown(value)]),
      ),
    },
    created_at: unixSeconds(row.created_at),
    updated_at: unixSeconds(row.updated_at),
  };
}
