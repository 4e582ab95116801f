/**
 * One optimizer step: the norm of the summed gradients, the factor that averages and clips them, and the update. The norm
 * and the update are two small graphs over memory that lives as long as the run.
 */
import type { Context, Tensor } from '../graph/operators.ts';
import type { HyperParameters } from '../contract/index.ts';
import type { Device } from '../graph/device.ts';
import { download, Memory, upload } from '../graph/memory.ts';
import { contextBytes, Program } from '../graph/program.ts';
import { Tape } from '../graph/tape.ts';
import type { Parameter } from '../models/weights.ts';
import { adafactor } from './adafactor.ts';
import { adam, adamw } from './adamw.ts';
import { adagrad, lion, rmsprop, sgd } from './elementwise.ts';
import type { RuleMaker, UpdateRule } from './update-rule.ts';

const rules: Record<HyperParameters['optimizer'], RuleMaker> = {
  adamw,
  adam,
  adafactor,
  sgd,
  lion,
  rmsprop,
  adagrad,
};

export class Optimizer implements Disposable {
  /** Tensors that a resumed run needs besides the parameters. */
  readonly state: ReadonlyMap<string, Tensor>;
  readonly bytes: number;
  readonly #device: Device;
  readonly #h: HyperParameters;
  readonly #memory: Memory;
  readonly #rule: UpdateRule;
  readonly #contexts: Context[] = [];
  readonly #factor: Tensor;
  readonly #normSquared: Tensor;
  readonly #norm: Program;
  readonly #update: Program;

  constructor(device: Device, parameters: readonly Parameter[], h: HyperParameters) {
    const { c } = device;
    this.#device = device;
    this.#h = h;
    this.#memory = new Memory(device, parameters.length * 4 + 16);
    this.#factor = this.#memory.reserve([1]);
    this.#rule = rules[h.optimizer](device, this.#memory, parameters, h);
    this.state = this.#rule.state;
    this.#memory.allocate();

    const newTape = (): Tape => {
      const context = c.ggml_init({
        mem_size: contextBytes(c, parameters.length * 64 + 64),
        mem_buffer: null,
        no_alloc: true,
      });
      this.#contexts.push(context);
      return new Tape(c, context, false);
    };
    const measure = newTape();
    let total: Tensor | undefined;
    for (const { value } of parameters) {
      const square = c.ggml_sum(measure.context, c.ggml_sqr(measure.context, value.gradientSum));
      total = total === undefined ? square : c.ggml_add(measure.context, total, square);
    }
    if (total === undefined) throw new TypeError('nothing to train: the parameter list is empty');
    this.#normSquared = total;
    this.#norm = new Program(device, measure, [total]);

    const update = newTape();
    for (const parameter of parameters) {
      const gradient = c.ggml_mul_inplace(update.context, parameter.value.gradientSum, this.#factor);
      update.roots.push(...this.#rule.emit(update, parameter, gradient));
    }
    this.#update = new Program(device, update, []);
    this.bytes = this.#memory.bytes + this.#norm.bytes + this.#update.bytes;
  }

  /**
   * Updates the parameters from their summed gradients. `weight` is what the sum is divided by (the supervised tokens).
   * Returns the L2 norm of the averaged gradient before clipping. A norm that is not finite leaves the parameters as they are.
   */
  step(learningRate: number, step: number, weight: number): number {
    this.#norm.run();
    const norm = Math.sqrt(download(this.#device, this.#normSquared)[0]!) / weight;
    if (!Number.isFinite(norm)) return norm;
    const most = this.#h.maxGradientNorm;
    const clip = most > 0 && norm > most ? most / norm : 1;
    upload(this.#device, this.#factor, new Float32Array([clip / weight]));
    this.#rule.prepare(learningRate, step);
    this.#update.run();
    return norm;
  }

  [Symbol.dispose](): void {
    this.#norm[Symbol.dispose]();
    this.#update[Symbol.dispose]();
    for (const context of this.#contexts) this.#device.c.ggml_free(context);
    this.#memory[Symbol.dispose]();
  }
}
