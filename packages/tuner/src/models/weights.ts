/** A model's tensors on the device, frozen or trained, and the low-rank additions to them. */
import type { GgufFile } from '@atelier/llama/gguf';
import { AtelierError } from '@atelier/errors';
import { ggmlTypes } from '@atelier/llama/gguf';
import type { Device } from '../graph/device.ts';
import { download, Memory, upload } from '../graph/memory.ts';
import { I32 } from '../graph/tape.ts';
import { unpackedRows } from '../graph/unpacked.ts';
import { elements, type Shape, type Value } from '../graph/value.ts';
import type { LowRank } from '../operations/linear.ts';
import { randomStream, uniform } from '../random.ts';
import { readConfig, type ModelConfig } from './config.ts';
import { fillTensor, storedType, type Quantization } from './stored-tensors.ts';
import { constantTensors, modelTensors, targetTensors } from './tensors.ts';

/** A tensor that training changes. `gradientSum` of its value holds the gradient summed since the last optimizer step. */
export type Parameter = {
  readonly name: string;
  readonly value: Value & { readonly gradientSum: NonNullable<Value['gradientSum']> };
};

export type LoraOptions = {
  readonly rank: number;
  readonly alpha: number;
  readonly targets: readonly string[];
  readonly seed: number;
  /** rsLoRA (Kalajdzievski 2023, arXiv 2312.03732): the adapter counts alpha / sqrt(rank) times. */
  readonly rankStabilised?: boolean;
  /** DoRA: a trained magnitude for each output beside the pair. */
  readonly magnitudes?: boolean;
  /** QLoRA: keeps the base's matrices quantised. Absent: they are expanded to F32. */
  readonly quantization?: Quantization;
};

export class Weights implements Disposable {
  readonly config: ModelConfig;
  readonly parameters: readonly Parameter[];
  /** Numbers in the base model. */
  readonly size: number;
  readonly #values: Map<string, Value>;
  readonly #lowRank: Map<string, LowRank>;
  readonly #memory: Memory;
  readonly #gradients: Memory;
  readonly #fill: () => Promise<void>;

  private constructor(
    config: ModelConfig,
    size: number,
    values: Map<string, Value>,
    lowRank: Map<string, LowRank>,
    parameters: readonly Parameter[],
    memory: Memory,
    gradients: Memory,
    fill: () => Promise<void>,
  ) {
    this.config = config;
    this.size = size;
    this.#values = values;
    this.#lowRank = lowRank;
    this.parameters = parameters;
    this.#memory = memory;
    this.#gradients = gradients;
    this.#fill = fill;
  }

  get bytes(): number {
    return this.#memory.bytes + this.#gradients.bytes;
  }

  /** The tensor of that GGUF name; throws when the model has none. */
  get(name: string): Value {
    const value = this.#values.get(name);
    if (!value) throw new TypeError(`the model has no tensor ${name}`);
    return value;
  }

  find(name: string): Value | undefined {
    return this.#values.get(name);
  }

  lowRank(name: string): LowRank | undefined {
    return this.#lowRank.get(name);
  }

  /** Forgets the summed gradients. */
  clearGradients(): void {
    this.#gradients.clear();
  }

  [Symbol.dispose](): void {
    for (const memory of [this.#memory, this.#gradients]) memory[Symbol.dispose]();
  }

  /**
   * Reads the file tensor by tensor. With `lora` the model is frozen and low-rank pairs are trained; without, all of it is.
   * Everything is F32, except that `lora.quantization` keeps the matrices in smaller types.
   */
  static async load(device: Device, path: string, file: GgufFile, lora?: LoraOptions): Promise<Weights> {
    const weights = Weights.reserve(device, path, file, lora);
    try {
      await weights.fill();
      return weights;
    } catch (error) {
      weights[Symbol.dispose]();
      throw error;
    }
  }

  /** Takes the memory, where the device does not only plan, and reads what goes there. Called once, before the weights are used. */
  async fill(): Promise<void> {
    this.#memory.allocate();
    this.#gradients.allocate();
    await this.#fill();
  }

  /** The same without memory yet: what is known from the file's header. On a device that plans they are ready for graphs. */
  static reserve(device: Device, path: string, file: GgufFile, lora?: LoraOptions): Weights {
    const config = readConfig(file, path);
    const shapes = modelTensors(config, file, path);
    const memory = new Memory(device, 6 * shapes.size + 8);
    const gradients = new Memory(device, 6 * shapes.size + 8);
    const values = new Map<string, Value>();
    const parameters: Parameter[] = [];
    const trained = (name: string, shape: Shape): Value => {
      const value = {
        name,
        tensor: memory.reserve(shape),
        shape,
        needsGradient: true,
        gradientSum: gradients.reserve(shape),
      };
      parameters.push({ name, value });
      return value;
    };
    const files = new Map(file.tensors.map((tensor) => [tensor.name, tensor]));
    const indexCount = Math.max(...[...shapes.values()].map(([width = 1, rows = 1]) => unpackedRows(width, rows)));
    const indices = lora?.quantization ? memory.reserve([indexCount], I32) : undefined;
    for (const [name, shape] of shapes) {
      const frozen = lora !== undefined || constantTensors.has(name);
      const type = storedType(files.get(name)!, lora?.quantization);
      const stored = indices !== undefined && type !== 'F32' ? { stored: { type, indices } } : {};
      values.set(
        name,
        frozen
          ? { name, tensor: memory.reserve(shape, ggmlTypes[type].id), shape, needsGradient: false, ...stored }
          : trained(name, shape),
      );
    }
    const lowRank = new Map<string, LowRank>();
    if (lora) {
      if (lora.targets.includes('output') && !shapes.has('output.weight'))
        throw new AtelierError('invalid_request', {
          reason: 'hyperParameters.loraTargets: output: this model has no output head but its embedding',
        });
      const targets = targetTensors(config, lora.targets, shapes.keys());
      if (targets.length === 0) {
        const reason = `${config.architecture} has no matrix that the LoRA targets ${lora.targets.join(', ')} stand for`;
        throw new AtelierError('invalid_request', { reason });
      }
      for (const name of targets) {
        const [inputs = 0, outputs = 0] = shapes.get(name)!;
        lowRank.set(name, {
          a: trained(`${name}.lora_a`, [inputs, lora.rank]),
          b: trained(`${name}.lora_b`, [lora.rank, outputs]),
          scale: lora.alpha / (lora.rankStabilised ? Math.sqrt(lora.rank) : lora.rank),
          ...(lora.magnitudes && {
            magnitude: { vector: trained(`${name}.magnitude`, [outputs]), baseSquares: memory.reserve([outputs]) },
          }),
        });
      }
    }
    const fill = async (): Promise<void> => {
      if (device.pretended) return;
      if (indices)
        upload(
          device,
          indices,
          Int32Array.from({ length: indexCount }, (_, i) => i),
        );
      for (const tensor of file.tensors) {
        const { tensor: target, stored } = values.get(tensor.name)!;
        await fillTensor(device, path, tensor, target, stored?.type ?? 'F32');
      }
      if (lora) {
        for (const [index, { a }] of [...lowRank.values()].entries())
          upload(device, a.tensor, initialA(a.shape, lora.seed, index));
        for (const [name, { magnitude }] of lowRank) {
          if (!magnitude) continue;
          const squares = squaresOfOutputs(download(device, values.get(name)!.tensor), magnitude.vector.shape[0]!);
          upload(device, magnitude.baseSquares, squares);
          upload(device, magnitude.vector.tensor, squares.map(Math.sqrt));
        }
      }
    };
    const size = [...shapes.values()].reduce((sum, shape) => sum + elements(shape), 0);
    return new Weights(config, size, values, lowRank, parameters, memory, gradients, fill);
  }
}

/** Uniform in +-1/sqrt(in), what PEFT's kaiming_uniform_(a = sqrt 5) comes to; B starts at zero. */
function initialA(shape: Shape, seed: number, index: number): Float32Array {
  const data = new Float32Array(elements(shape));
  const random = randomStream(seed, 1, index);
  const bound = 1 / Math.sqrt(shape[0]!);
  for (let i = 0; i < data.length; i++) data[i] = (2 * uniform(random) - 1) * bound;
  return data;
}

function squaresOfOutputs(matrix: Float32Array, outputs: number): Float32Array {
  const width = matrix.length / outputs;
  return Float32Array.from({ length: outputs }, (_, output) => {
    let sum = 0;
    for (let i = output * width; i < (output + 1) * width; i++) sum += matrix[i]! ** 2;
    return sum;
  });
}
