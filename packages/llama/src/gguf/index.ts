export { dequantise, plainTypes } from './dequantise.ts';
export { encodeTensor, type FloatType } from './encode-tensor.ts';
export { MetadataReader } from './metadata.ts';
export type { GgufTensor } from './parse-tensors.ts';
export { type GgufFile, readGguf, readGgufSync } from './read.ts';
export { readTensor } from './tensor-data.ts';
export { type GgmlType, ggmlTypes, ggmlTypeName, tensorBytes } from './tensor-types.ts';
export type { GgufMetadata, GgufNumberType, GgufScalarType, GgufValue } from './values.ts';
export { type GgufContent, type GgufTensorSource, type TensorBytes, writeGguf } from './write.ts';
