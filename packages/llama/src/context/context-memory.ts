import { checkInteger, invalid, maxInt32 } from '../arguments.ts';
import type { Lifetime } from '../lifetime.ts';
import type { CFunctions } from '../native/functions.ts';
import type { Pointer } from '../native/pointer.ts';

/**
 * What a context remembers of its sequences. Ranges are of positions, from `from` up to but without `to`. Models that
 * only encode remember nothing: every sequence is empty.
 */
export class ContextMemory {
  private readonly c: CFunctions;
  private readonly pointer: Pointer<'llama_memory_i'> | null;
  private readonly lifetime: Lifetime;
  private readonly sequences: number;
  private readonly unified: boolean;

  constructor(
    c: CFunctions,
    pointer: Pointer<'llama_memory_i'> | null,
    lifetime: Lifetime,
    limits: { sequences: number; unified: boolean },
  ) {
    this.c = c;
    this.pointer = pointer;
    this.lifetime = lifetime;
    this.sequences = limits.sequences;
    this.unified = limits.unified;
  }

  /** Forgets everything. The numbers themselves stay in memory unless `data` is set. */
  clear(data = false): void {
    this.lifetime.check();
    this.c.llama_memory_clear(this.pointer, data);
  }

  /** Forgets a range of a sequence, all of it by default. False when the model cannot forget a part. */
  remove(sequence: number, from = 0, to: number | undefined = undefined): boolean {
    this.check(sequence);
    return this.c.llama_memory_seq_rm(this.pointer, sequence, ...range(from, to));
  }

  /** Lets `target` share what `source` remembers. A part can only be copied in a context with `kvUnified`. */
  copy(source: number, target: number, from = 0, to: number | undefined = undefined): void {
    this.check(source);
    this.check(target);
    // Streams of their own are copied whole; native code asserts it.
    if (!this.unified && (from !== 0 || to !== undefined))
      throw invalid('only whole sequences can be copied without kvUnified');
    this.c.llama_memory_seq_cp(this.pointer, source, target, ...range(from, to));
  }

  /** Forgets every other sequence. */
  keep(sequence: number): void {
    this.check(sequence);
    this.c.llama_memory_seq_keep(this.pointer, sequence);
  }

  /**
   * Moves a range of a sequence by `delta` positions. What it shares with other sequences moves for them as well.
   * Throws `invalid_request` for memories that cannot.
   */
  shift(sequence: number, from: number, to: number | undefined, delta: number): void {
    this.check(sequence);
    checkInteger('delta', delta, -maxInt32, maxInt32);
    if (!this.canShift) throw invalid("this model's memory cannot be shifted");
    this.c.llama_memory_seq_add(this.pointer, sequence, ...range(from, to), delta);
  }

  get canShift(): boolean {
    this.lifetime.check();
    return this.c.llama_memory_can_shift(this.pointer);
  }

  /** The first position remembered, or -1 for an empty sequence. */
  posMin(sequence: number): number {
    this.check(sequence);
    return this.c.llama_memory_seq_pos_min(this.pointer, sequence);
  }

  /** The last position remembered, or -1 for an empty sequence. */
  posMax(sequence: number): number {
    this.check(sequence);
    return this.c.llama_memory_seq_pos_max(this.pointer, sequence);
  }

  private check(sequence: number): void {
    this.lifetime.check();
    checkInteger('sequence', sequence, 0, this.sequences - 1);
  }
}

/** C's form of a range: -1 stands for an open end. */
function range(from: number, to: number | undefined): [number, number] {
  checkInteger('from', from, 0, maxInt32);
  if (to === undefined) return [from, -1];
  return [from, checkInteger('to', to, 0, maxInt32)];
}
