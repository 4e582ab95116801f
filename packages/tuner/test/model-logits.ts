/** Logits of every position by the tuner's own forward pass, for comparison with libllama's; hidden states of encoders. */
import { LlamaContext, LlamaModel, Batch, Adapter, loadNative } from '@atelier/llama';
import type { Device } from '../src/graph/device.ts';
import { download, Memory, upload } from '../src/graph/memory.ts';
import { contextBytes, Program } from '../src/graph/program.ts';
import { I32, Tape } from '../src/graph/tape.ts';
import { hiddenStates, outputHead } from '../src/models/hidden-states.ts';
import type { Weights } from '../src/models/weights.ts';
import { headLogits } from '../src/operations/cross-entropy.ts';
import { attentionMask } from '../src/run/attention-mask.ts';
import { layOut } from '../src/run/batch.ts';

/** Rows packed into one bin -> logits of each row's positions, [row][position * vocabulary + token]; of an encoder its hidden states. */
export function tunerLogits(device: Device, weights: Weights, rows: readonly (readonly number[])[]): Float32Array[] {
  const { c } = device;
  const flat = rows.flat();
  const length = Math.ceil(flat.length / 32) * 32;
  const layout = { length, bins: 1, wanted: length };
  const batch = layOut(
    [
      {
        tokens: Int32Array.from(flat),
        positions: Int32Array.from(rows.flatMap((row) => row.map((_, i) => i))),
        rowStarts: Int32Array.from(rows, (_, i) => rows.slice(0, i).flat().length),
        targets: Int32Array.from(flat, () => 0),
        weights: new Float32Array(flat.length).fill(1),
      },
    ],
    layout,
  );
  using memory = new Memory(device, 16);
  const context = c.ggml_init({ mem_size: contextBytes(c, 4096), mem_buffer: null, no_alloc: true });
  const inputs = {
    tokens: memory.reserve([length], I32),
    positions: memory.reserve([length], I32),
    masks: weights.config.masks.map(() => memory.reserve([length, length, 1, 1])),
    wanted: memory.reserve([length], I32),
  };
  const tape = new Tape(c, context, device.blas !== undefined);
  const hidden = hiddenStates(tape, weights, { length, bins: 1, ...inputs, wantedCount: length }, { recompute: false });
  const encoder = weights.config.traits.kind === 'encoder';
  const output = encoder ? hidden.tensor : headLogits(tape, outputHead(weights), hidden).tensor;
  memory.allocate();
  for (const key of ['tokens', 'positions', 'wanted'] as const) upload(device, inputs[key], batch[key]);
  for (const [index, mask] of inputs.masks.entries())
    upload(device, mask, attentionMask(batch, layout, weights.config.masks[index]!));
  using program = new Program(device, tape, [output]);
  program.run();
  const all = download(device, output);
  c.ggml_free(context);
  const size = encoder ? weights.config.width : weights.config.vocabulary;
  let at = 0;
  return rows.map((row) => all.slice(at * size, (at += row.length) * size));
}

/** The same by libllama, with an adapter when one is given. */
export function libllamaLogits(
  path: string,
  rows: readonly (readonly number[])[],
  adapterPath?: string,
  nCtx = 256,
): Float32Array[] {
  loadNative({ gpu: 'off' });
  using model = LlamaModel.load(path, { gpuLayers: 0 });
  using adapter = adapterPath === undefined ? undefined : Adapter.load(model, adapterPath);
  const encoder = model.architecture.includes('bert');
  using context = new LlamaContext(model, {
    nCtx,
    nThreads: 1,
    flashAttention: false,
    ...(encoder && { embeddings: true, pooling: 'none' as const }),
    typeK: 'F32',
    typeV: 'F32',
  });
  if (adapter) context.setAdapters([{ adapter }]);
  return rows.map((row) => {
    if (!encoder) context.memory.clear();
    const batch = new Batch(loadNative(), row.length);
    for (const [position, token] of row.entries()) batch.add(token, position, 0, true);
    context.decode(batch);
    const parts = row.map((_, i) => (encoder ? context.embeddings(i) : context.logits(i)).slice());
    const all = new Float32Array(parts.length * parts[0]!.length);
    for (const [i, part] of parts.entries()) all.set(part, i * part.length);
    return all;
  });
}

export function largestDifference(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  let largest = 0;
  for (const [row, values] of a.entries()) {
    for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i]! - b[row]![i]!));
  }
  return largest;
}
