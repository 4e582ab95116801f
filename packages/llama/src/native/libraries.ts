import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { AtelierError } from '@atelier/errors';
import koffi from 'koffi';
import { probe } from './probe.ts';

/** What the setting ATELIER_GPU may say. */
export type GpuSetting = 'auto' | 'off' | 'vulkan' | 'cuda' | 'metal';
/** The kind of libraries chosen: `cpu` means no GPU backend beside them. */
export type LibraryKind = 'cpu' | 'vulkan' | 'cuda' | 'metal';

export interface LibraryChoice {
  kind: LibraryKind;
  directory: string;
  /** Why each GPU that seemed to be there was not taken. */
  passedOver: string[];
}

const systems: Partial<Record<NodeJS.Platform, string>> = { linux: 'linux', darwin: 'mac', win32: 'win' };
const processors: Partial<Record<NodeJS.Architecture, string>> = { x64: 'x64', arm64: 'arm64', arm: 'armv7l' };

/** The driver without which a GPU backend cannot work; `auto` looks for it before it tries the GPU, which takes longer. */
const drivers: Record<'linux' | 'win', Record<'cuda' | 'vulkan', string>> = {
  linux: { cuda: 'libcuda.so.1', vulkan: 'libvulkan.so.1' },
  win: { cuda: 'nvcuda.dll', vulkan: 'vulkan-1.dll' },
};

/**
 * The directory of llama.cpp libraries for this machine and setting. `auto` takes the first GPU that is seen to compute, in
 * a process of its own because drivers can crash, and the CPU otherwise; a GPU asked for by name must be installed.
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
  const passedOver: string[] = [];
  for (const kind of candidates(setting, system)) {
    const directory = installedDirectory(named[kind]);
    if (!directory) continue;
    const trouble = setting === 'auto' && kind !== 'cpu' ? probe(kind) : undefined;
    if (trouble === undefined) return { kind, directory, passedOver };
    passedOver.push(`${kind} is not used: ${trouble}`);
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
  const present = (['cuda', 'vulkan'] as const).filter((kind) => whyNotOpened(needed[kind]) === undefined);
  return [...present, 'cpu'];
}

/** What the system says against opening a library, such as one that is missing. */
function whyNotOpened(library: string): string | undefined {
  try {
    koffi.load(library).unload();
    return undefined;
  } catch (error) {
    return String(error instanceof Error ? error.message : error);
  }
}

/** Why the GPU backend in a directory has no device. */
export function whyNoDevice(kind: Exclude<LibraryKind, 'cpu'>, directory: string): string {
  const file = readdirSync(directory).find((name) => new RegExp(`^(lib)?ggml-${kind}\\.(so|dylib|dll)$`).test(name));
  const trouble = file && whyNotOpened(path.join(directory, file));
  if (trouble) return `its backend cannot be loaded: ${trouble}`;
  return kind === 'vulkan'
    ? 'no GPU with a Vulkan driver was found (software drivers count only when GGML_VK_VISIBLE_DEVICES names them)'
    : 'no such device was found';
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
