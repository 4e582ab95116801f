/** Loads the libraries for the GPU named on the command line and prints the error that it gets, and then for none. */
import { isAtelierError } from '@atelier/errors';
import { type GpuSetting, loadNative } from '../src/index.ts';

try {
  console.log(`loaded ${loadNative({ gpu: process.argv[2] as GpuSetting }).gpu}`);
} catch (error) {
  if (!isAtelierError(error)) throw error;
  console.log(`${error.code} ${String(error.details.name)} ${String(error.details.reason)}`);
}
console.log(`then loaded ${loadNative({ gpu: 'off' }).gpu}`);
