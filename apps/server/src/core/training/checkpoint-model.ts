import type { ModelRef } from '@atelier/engine';
import type { BlobStore } from '../../storage/blobs/blob-store.ts';
import type { Row } from '../../storage/database/tables.ts';

/** The model that a checkpoint is: its own file after full fine-tuning, an adapter on `baseFile` after LoRA. */
export async function checkpointModel(
  blobs: BlobStore,
  baseFile: string,
  { adapter_blob, model_blob }: Pick<Row<'checkpoints'>, 'adapter_blob' | 'model_blob'>,
): Promise<ModelRef> {
  if (model_blob !== null) return { path: await blobs.localPath(model_blob) };
  return { path: baseFile, adapter: { path: await blobs.localPath(adapter_blob!) } };
}
