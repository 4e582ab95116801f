import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dequantise, encodeTensor, type GgmlType, ggmlTypes, plainTypes } from '../src/gguf/index.ts';
import { dequantiseNative, loadNative, quantise, type QuantisedType } from '../src/index.ts';

const native = loadNative({ gpu: 'off' });
const values = Float32Array.from({ length: 1024 }, (_, index) => Math.sin(index * 0.37) * (1 + (index % 7)));

/** Largest error that each type may cause on `values`, as a share of the largest value: about one step of its grid. */
const tolerances: Partial<Record<GgmlType, number>> = {
  F32: 0,
  F16: 1 / 2048,
  BF16: 1 / 256,
  Q8_0: 1 / 127,
  Q6_K: 1 / 32,
  Q5_K: 1 / 16,
  Q5_0: 1 / 16,
  Q5_1: 1 / 16,
  Q4_K: 1 / 8,
  Q4_0: 1 / 8,
  Q4_1: 1 / 8,
  Q3_K: 1 / 4,
  Q2_K: 1 / 2,
};

describe('tensor types', () => {
  it('have the block sizes that native code has', () => {
    for (const { id, blockElements, blockBytes } of Object.values(ggmlTypes)) {
      expect([native.c.ggml_blck_size(id), native.c.ggml_type_size(id)]).toEqual([blockElements, blockBytes]);
    }
  });

  it.each(Object.entries(tolerances))('%s comes back from storage within its precision', (name, tolerance) => {
    const type = name as QuantisedType;
    const restored = dequantiseNative(native, type, quantise(native, type, values, 256));
    const largest = Math.max(...values.map(Math.abs));
    expect(restored).toHaveLength(values.length);
    expect(
      Math.max(...restored.map((value, index) => Math.abs(value - (values[index] ?? 0)))) / largest,
    ).toBeLessThanOrEqual(tolerance);
  });

  it.each(plainTypes.filter((type) => type !== 'F32'))('%s is read by TypeScript as native code reads it', (type) => {
    const bytes = quantise(native, type, values, 256);
    const context = native.decode('ggml_type_traits', native.c.ggml_get_type_traits(ggmlTypes[type].id));
    const expected = new Float32Array(values.length);
    const convert = native.functionAt(context.to_float as never, 'ggml_to_float_t') as unknown as (
      ...list: unknown[]
    ) => void;
    convert(bytes, expected, values.length);
    expect(dequantise(type, bytes)).toEqual(expected);
    // Slices of a file start anywhere.
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    expect(dequantise(type, shifted.subarray(1))).toEqual(expected);
  });

  it('refuses lengths that are not whole blocks or rows', () => {
    expect(() => dequantise('Q8_0', new Uint8Array(33))).toThrow(RangeError);
    expect(() => dequantiseNative(native, 'Q6_K', new Uint8Array(211))).toThrow(/not whole blocks of Q6_K/);
    expect(() => quantise(native, 'Q8_0', values, 48)).toThrow(/rows of 48/);
    expect(() => quantise(native, 'Q4_K', values, 768)).toThrow(/rows of 768/);
    expect(() => dequantise('Q6_K', new Uint8Array(210))).toThrow(/need the native library/);
    expect(() => dequantiseNative(native, 'I32', new Uint8Array(4))).toThrow(/cannot be read as floats/);
  });
});

describe('encodeTensor', () => {
  it.each(['F16', 'BF16'] as const)('rounds to %s as native code does', (type) => {
    fc.assert(
      fc.property(fc.float32Array({ minLength: 1, maxLength: 64 }), (floats) => {
        const finite = floats.map((value) => (Number.isNaN(value) ? 0 : value));
        expect(encodeTensor(type, finite)).toEqual(quantise(native, type, finite, finite.length));
      }),
    );
  });

  it('keeps NaN a NaN', () => {
    for (const type of ['F32', 'F16', 'BF16'] as const) {
      expect([...dequantise(type, encodeTensor(type, Float32Array.of(NaN, Infinity, -Infinity)))]).toEqual([
        NaN,
        Infinity,
        -Infinity,
      ]);
    }
  });

  it('copies, so that later changes of the floats do not reach the file', () => {
    const floats = Float32Array.of(1, 2);
    const bytes = encodeTensor('F32', floats);
    floats[0] = 9;
    expect([...dequantise('F32', bytes)]).toEqual([1, 2]);
  });
});
