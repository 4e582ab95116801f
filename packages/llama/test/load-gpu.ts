/** Loads the libraries for the GPU named on the command line and prints the warnings or the error that it gets, and then for none. */
import { isAtelierError } from '@atelier/errors';
import { type GpuSetting, loadNative } from '../src/index.ts';

try {
  const native = loadNative({
    gpu: process.argv[2] as GpuSetting,
    onLog: (level, text) => level === 'warn' && console.log(text),
  });
  console.log(`loaded ${native.gpu}`);
} catch (error) {
  if (!isAtelierError(error)) throw error;
  console.log(`${error.code} ${String(error.details.name)} ${String(error.details.reason)}`);
}
if (process.argv[2] !== 'auto') console.log(`then loaded ${loadNative({ gpu: 'off' }).gpu}`);
