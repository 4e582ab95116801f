/**
 * What a GGUF file may hold here. Real files stay far below each number; hostile ones must not make a reader allocate
 * or loop without bound. Bytes unless the name says otherwise.
 */

/** Versions 2 and 3 have the same little-endian layout; version 1 had 32-bit counts and native code refuses it. */
export const supportedVersions: readonly number[] = [2, 3];
/** Everything before the tensor data. The largest vocabularies (262,144 tokens with merges) take about 20 MB. */
export const maxHeaderBytes = 128 * 2 ** 20;
/** Real files have a few dozen to a few hundred keys. */
export const maxKeys = 16_384;
/** The format's own limit for keys. */
export const maxKeyBytes = 65_535;
/** A chat template is the longest text in practice, below 100 kB. */
export const maxStringBytes = 4 * 2 ** 20;
/** Merges of large vocabularies are the longest arrays in practice, about 600,000. */
export const maxArrayElements = 8 * 2 ** 20;
/** Large mixture models have a few thousand tensors. Native code compares every name with every other one. */
export const maxTensors = 32_768;
/** ggml keeps names in 64 bytes with a terminating zero. */
export const maxTensorNameBytes = 63;
/** ggml's tensors have four dimensions. */
export const maxDimensions = 4;
/** A signed 64-bit count is what native code computes with. */
export const maxTensorElements = 2n ** 63n - 1n;
/** Used when a file does not name an alignment. */
export const defaultAlignment = 32;
/** Native code asserts that mapped tensors start at multiples of 32 bytes. */
export const minAlignment = 32;
/** Above a memory page alignment only wastes space. */
export const maxAlignment = 4096;
