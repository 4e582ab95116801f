export { openBlas } from './graph/blas.ts';
export { Device, type DeviceOptions } from './graph/device.ts';
export { Weights, type LoraOptions } from './models/weights.ts';
export { Optimizer } from './optimizers/optimizer.ts';
export { BatchProgram, type BatchOptions } from './run/batch-program.ts';
export { chooseBinLength, packEpoch, wantedRoom } from './run/dataset.ts';
export { nextTokenLoss, tokenRows } from './objectives/generation.ts';
