import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { AtelierError } from '@atelier/errors';
import koffi from 'koffi';

/** What the setting ATELIER_GPU may say. */
export type GpuSetting = 'auto' | 'off' | 'vulkan' | 'cuda' | 'metal';
/** The kind of libraries chosen: `cpu` means no GPU backend beside them. */
export type LibraryKind = 'cpu' | 'vulkan' | 'cuda' | 'metal';

export interface LibraryChoice {
  kind: LibraryKind;
  directory: string;
}

const systems: Partial<Record<NodeJS.Platform, string>> = { linux: 'linux', darwin: 'mac', win32: 'win' };
const processors: Partial<Record<NodeJS.Architecture, string>> = { x64: 'x64', arm64: 'arm64', arm: 'armv7l' };

/** What each GPU backend needs from the machine beside its own library; `auto` tries these before choosing it. */
const drivers: Record<'linux' | 'win', Record<'cuda' | 'vulkan', string[]>> = {
  linux: { cuda: ['libcuda.so.1', 'libcublas.so.13'], vulkan: ['libvulkan.so.1'] },
  win: { cuda: ['nvcuda.dll', 'cublas64_13.dll'], vulkan: ['vulkan-1.dll'] },
};

/**
 * The directory of llama.cpp libraries for this machine and setting. `auto` takes the first GPU whose libraries are
 * installed and whose driver is present, and the CPU otherwise; a GPU asked for by name must be installed.
 * Throws `invalid_setting` when nothing fits.
 */
export function chooseLibraries(setting: GpuSetting): LibraryChoice {
  const system = systems[process.platform];
  const processor = processors[process.arch];
  if (!system || !processor) throw unusable(setting, `there are no libraries for ${process.platform} ${process.arch}`);
  const base = `${system}-${processor}`;
  const named: Record<LibraryKind, string> = {
    cpu: base,
    vulkan: `${base}-vulkan`,
    cuda: `${base}-cuda`,
    metal: `${base}-metal`,
  };
  // Apple's own processors have one package with both: without a GPU its CPU backend is used alone.
  if (base === 'mac-arm64') named.cpu = named.metal;
  for (const kind of candidates(setting, system)) {
    const directory = installedDirectory(named[kind]);
    if (directory) return { kind, directory };
  }
  throw unusable(
    setting,
    `its libraries (@node-llama-cpp/${named[setting === 'auto' || setting === 'off' ? 'cpu' : setting]}) are not installed`,
  );
}

/** File names of the three libraries every build has, in load order: each needs the symbols of those before it. */
export function libraryFiles(directory: string): { base: string; registry: string; llama: string; cpu: string[] } {
  const files = readdirSync(directory);
  const find = (pattern: RegExp): string => {
    const file = files.find((name) => pattern.test(name) && /\.(so|dylib|dll)$/.test(name));
    if (!file)
      throw new AtelierError('native_mismatch', { reason: `no library like ${pattern.source} in ${directory}` });
    return path.join(directory, file);
  };
  return {
    base: find(/^(lib)?ggml-base\./),
    registry: find(/^(lib)?ggml\./),
    llama: find(/^(lib)?llama\./),
    cpu: files
      .filter((name) => /^(lib)?ggml-cpu.*\.(so|dylib|dll)$/.test(name))
      .map((name) => path.join(directory, name)),
  };
}

function candidates(setting: GpuSetting, system: string): LibraryKind[] {
  if (setting === 'off') return ['cpu'];
  if (setting !== 'auto') return [setting];
  if (system === 'mac') return ['metal', 'cpu'];
  const needed = drivers[system === 'win' ? 'win' : 'linux'];
  const present = (['cuda', 'vulkan'] as const).filter((kind) => needed[kind].every(canOpen));
  return [...present, 'cpu'];
}

function canOpen(library: string): boolean {
  try {
    koffi.load(library).unload();
    return true;
  } catch {
    return false;
  }
}

function installedDirectory(name: string): string | undefined {
  try {
    const entry = createRequire(import.meta.url).resolve(`@node-llama-cpp/${name}`);
    const directory = path.join(path.dirname(entry), '..', 'bins', name);
    return existsSync(directory) ? directory : undefined;
  } catch {
    return undefined;
  }
}

function unusable(setting: GpuSetting, reason: string): AtelierError {
  return new AtelierError('invalid_setting', { name: `ATELIER_GPU=${setting}`, reason });
}
