/** Compares an operation's gradients with central differences of its own forward pass. */
import type { Device } from '../src/graph/device.ts';
import { download, Memory, upload } from '../src/graph/memory.ts';
import { contextBytes, Program } from '../src/graph/program.ts';
import { Tape } from '../src/graph/tape.ts';
import { elements, type Value } from '../src/graph/value.ts';
import { fillNormal, randomStream } from '../src/random.ts';

export type Built = { readonly output: Value };

/**
 * Largest relative error between d(sum of output * probe)/d(input) by backward and by central differences, over up to 24
 * elements of each input. `build` gets the inputs as values of the given shapes with normal random content.
 */
export function gradientError(
  device: Device,
  shapes: Record<string, readonly number[]>,
  build: (tape: Tape, inputs: Record<string, Value>, memory: Memory) => Value,
  options: { fill?: (memory: Memory) => void; step?: number } = {},
): number {
  const { c } = device;
  using memory = new Memory(device, 64);
  const context = c.ggml_init({ mem_size: contextBytes(c, 4096), mem_buffer: null, no_alloc: true });
  const tape = new Tape(c, context, device.blas !== undefined);
  const inputs: Record<string, Value & { gradientSum: NonNullable<Value['gradientSum']> }> = {};
  for (const [name, shape] of Object.entries(shapes)) {
    inputs[name] = {
      name,
      shape,
      tensor: memory.reserve(shape),
      needsGradient: true,
      gradientSum: memory.reserve(shape),
    };
  }
  // Inputs pass through a reshape, so that gradients meet both intermediate values and parameters' sums.
  const output = build(tape, inputs, memory);
  const probe = memory.reserve(output.shape);
  const objective = c.ggml_sum(context, c.ggml_mul(context, output.tensor, probe));
  tape.accumulate(output, probe, false);
  tape.backward();
  memory.allocate();
  options.fill?.(memory);
  const content = new Map<string, Float32Array>();
  for (const [index, [name, value]] of Object.entries(inputs).entries()) {
    const data = new Float32Array(elements(value.shape));
    fillNormal(data, randomStream(7, index), 1);
    content.set(name, data);
    upload(device, value.tensor, data);
  }
  const probeData = new Float32Array(elements(output.shape));
  // A loss is its own objective: the operation emits its gradient without being given one.
  if (output.shape.length === 1) probeData.fill(1);
  else fillNormal(probeData, randomStream(8), 1);
  upload(device, probe, probeData);
  using program = new Program(device, tape, [objective]);
  const evaluate = (): number => {
    for (const value of Object.values(inputs))
      upload(device, value.gradientSum, new Float32Array(elements(value.shape)));
    program.run();
    return download(device, objective)[0]!;
  };
  evaluate();
  const gradients = new Map(Object.entries(inputs).map(([name, value]) => [name, download(device, value.gradientSum)]));
  const step = options.step ?? 1e-2;
  let worst = 0;
  for (const [name, value] of Object.entries(inputs)) {
    const data = content.get(name)!;
    const gradient = gradients.get(name)!;
    const scale = Math.max(1e-3, ...gradient.map(Math.abs));
    const stride = Math.max(1, Math.floor(data.length / 24));
    for (let i = 0; i < data.length; i += stride) {
      const at = (offset: number): number => {
        const moved = data.slice();
        moved[i] = data[i]! + offset;
        upload(device, value.tensor, moved);
        return evaluate();
      };
      const difference = (at(step) - at(-step)) / (2 * step);
      worst = Math.max(worst, Math.abs(difference - gradient[i]!) / scale);
    }
    upload(device, value.tensor, data);
  }
  c.ggml_free(context);
  return worst;
}
