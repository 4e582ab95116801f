import type { LocalModelRef } from '@atelier/engine';
import type { BlobStore } from '../../storage/blobs/blob-store.ts';
import type { Row } from '../../storage/database/tables.ts';

/** The model that a checkpoint is: its own file after full fine-tuning, an adapter on `baseFile` after LoRA; with its head where its task has one. */
export async function checkpointModel(
  blobs: BlobStore,
  baseFile: string,
  { adapter_blob, model_blob, head_blob }: Pick<Row<'checkpoints'>, 'adapter_blob' | 'model_blob' | 'head_blob'>,
): Promise<LocalModelRef> {
  const head = head_blob === null ? {} : { head: { path: await blobs.localPath(head_blob) } };
  if (model_blob !== null) return { path: await blobs.localPath(model_blob), ...head };
  return { ...head, path: baseFile, adapter: { path: await blobs.localPath(adapter_blob!) } };
}
