/** The only file that reads process.env. */
import { settings, type SettingName } from './settings.ts';

export type Environment = Partial<Record<SettingName, string>>;

/** The settings that are set in `source`; an empty string counts as not set. */
export function readEnvironment(source: NodeJS.ProcessEnv = process.env): Environment {
  const environment: Environment = {};
  for (const name of Object.keys(settings) as SettingName[]) {
    const value = source[name];
    if (value !== undefined && value !== '') environment[name] = value;
  }
  return environment;
}

/** What child processes need from the machine to find libraries, devices and temporary space; never a setting of ours. */
const inherited = [
  'PATH',
  'HOME',
  'TMPDIR',
  'TMP',
  'TEMP',
  'SystemRoot',
  'LANG',
  'LC_ALL',
  'TZ',
  'LD_LIBRARY_PATH',
  'DYLD_LIBRARY_PATH',
  'CUDA_VISIBLE_DEVICES',
  'NVIDIA_VISIBLE_DEVICES',
  'NVIDIA_DRIVER_CAPABILITIES',
  'GGML_VK_VISIBLE_DEVICES',
  'GGML_VK_DISABLE_F16',
  'VK_ICD_FILENAMES',
  'VK_DRIVER_FILES',
  'OPENBLAS_NUM_THREADS',
  'OMP_NUM_THREADS',
  'MKL_NUM_THREADS',
] as const;

/** The environment of a child process: an allow-list, so that no key or password of ours can be in it. */
export function childEnvironment(source: NodeJS.ProcessEnv = process.env): Record<string, string> {
  return Object.fromEntries(inherited.flatMap((name) => (source[name] === undefined ? [] : [[name, source[name]]])));
}
