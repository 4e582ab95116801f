/**
 * The one place that loads native code. A failed GGML_ASSERT aborts the process that called it, so a server never
 * imports this: runners and trainers do, each in a process of its own.
 */
import { AtelierError } from '@atelier/errors';
import koffi, { type LibraryHandle, type TypeObject } from 'koffi';
import { type Callbacks, callbackPrototypes } from '../generated/callbacks.ts';
import { ggml_backend_dev_type } from '../generated/enums.ts';
import type { Structs } from '../generated/structs.ts';
import { checkVersion } from './check.ts';
import { type AsyncCFunctions, type CFunctions, exportsSymbol, lazyFunctions } from './functions.ts';
import {
  chooseLibraries,
  type GpuSetting,
  type LibraryChoice,
  libraryFiles,
  type LibraryKind,
  whyNoDevice,
} from './libraries.ts';
import { type LogListener, LogRoute } from './log.ts';
import type { Pointer } from './pointer.ts';
import { parsePrototype, structType } from './types.ts';

export interface NativeOptions {
  /** Which libraries to load; `auto` by default. A later call in the same process must agree with the first. */
  gpu?: GpuSetting;
  /** Receives llama.cpp's log lines, replacing an earlier listener; without one the log is dropped. */
  onLog?: LogListener;
}

/** Another shared library, such as a BLAS. */
export interface OtherLibrary {
  /** Binds a function by a C prototype such as `double cblas_ddot(int n, void* x, int incx, void* y, int incy)`. */
  function<F extends (...parameters: never[]) => unknown>(prototype: string): F;
  has(symbol: string): boolean;
}

/** llama.cpp loaded into this process. */
export interface Native {
  /** The kind of GPU that can be used, or `cpu`. */
  readonly gpu: LibraryKind;
  readonly directory: string;
  /** Every C function by its C name, bound when first used. Arguments are not checked: a wrong one can end the process. */
  readonly c: CFunctions;
  /** The same functions on a thread of their own, as promises. */
  readonly async: AsyncCFunctions;
  /** The address behind a pointer, typed array or buffer. The memory of an array must be kept alive by the caller. */
  address(value: Pointer | ArrayBufferView): bigint;
  /** Native memory without a copy, valid only while the native side keeps it. */
  view(pointer: Pointer, bytes: number): ArrayBuffer;
  /** The NUL-terminated UTF-8 text at a pointer. */
  text(pointer: Pointer): string;
  /** Zeroed native memory; `free` gives it back. */
  allocate<T extends string = 'void'>(bytes: number): Pointer<T>;
  free(pointer: Pointer): void;
  sizeOf(struct: keyof Structs): number;
  /** Byte offset of a struct's field. */
  offsetOf<S extends keyof Structs>(struct: S, field: keyof Structs[S] & string): number;
  /** A struct as bytes, for parameters that take a pointer to one. */
  encode<S extends keyof Structs>(struct: S, value: Structs[S]): Uint8Array;
  decode<S extends keyof Structs>(struct: S, memory: Pointer | Uint8Array): Structs[S];
  /** A JavaScript function as a C function pointer, until `release`. Never let a callback throw. */
  callback<Name extends keyof Callbacks>(type: Name, handler: Callbacks[Name]): Pointer<Name>;
  release(callback: Pointer): void;
  /** A C function pointer as a JavaScript function. */
  functionAt<Name extends keyof Callbacks>(pointer: Pointer, type: Name): Callbacks[Name];
  /** The address of an exported symbol of the llama.cpp libraries, or undefined. */
  symbol(name: string): Pointer | undefined;
  /** Runs a native call and returns the error lines it logged beside its result. */
  collectErrors<T>(call: () => T): { result: T; errors: string[] };
  /** Loads another library by path or by the name the system's loader knows; throws when there is none. */
  openLibrary(nameOrPath: string): OtherLibrary;
  /** Sets how many threads a backend computes with; false when it has no such setting. */
  setThreads(backend: Pointer<'ggml_backend'>, threads: number): boolean;
}

let failure: unknown;
let loaded: { native: Native; setting: GpuSetting; log: LogRoute } | undefined;

/**
 * Loads llama.cpp's libraries into this process, once; later calls return the same object.
 * Throws `invalid_setting` when the GPU asked for cannot be used and `native_mismatch` when the libraries are not the
 * version that the declarations were made from.
 */
export function loadNative(options: NativeOptions = {}): Native {
  const setting = options.gpu ?? loaded?.setting ?? 'auto';
  if (loaded && loaded.setting !== setting) {
    const reason = `this process already loaded the libraries for ${loaded.setting}`;
    throw new AtelierError('invalid_setting', { name: `ATELIER_GPU=${setting}`, reason });
  }
  loaded ??= loadOnce(setting, options.onLog);
  if (options.onLog) loaded.log.listener = options.onLog;
  return loaded.native;
}

function loadOnce(setting: GpuSetting, onLog: LogListener | undefined): NonNullable<typeof loaded> {
  // Libraries cannot be unloaded, and a second set beside them would take over their symbols.
  if (failure !== undefined) throw failure;
  // Before the choice, which opens a driver's library to see whether it is there: koffi takes no settings after that.
  koffi.config({ sync_stack_size: stackBytes.sync, async_stack_size: stackBytes.async });
  const choice = chooseLibraries(setting);
  try {
    return load(setting, choice, onLog);
  } catch (error) {
    failure = error;
    throw error;
  }
}

/**
 * koffi runs C on stacks of its own, by default 2 MiB and for asynchronous calls 128 KiB. Native tokenisers match long
 * texts with recursive regular expressions and compute graphs hold large frames, so they get what a main thread has.
 */
const stackBytes = { sync: 16 * 2 ** 20, async: 8 * 2 ** 20 };

function load(setting: GpuSetting, choice: LibraryChoice, onLog: LogListener | undefined): NonNullable<typeof loaded> {
  const { kind, directory, passedOver } = choice;
  const files = libraryFiles(directory);
  const libraries = [files.base, files.registry, files.llama].map((file) => koffi.load(file, { global: true }));
  let cpuSearched = false;
  const lookUp = (name: string): LibraryHandle | undefined => {
    const found = libraries.find((library) => exportsSymbol(library, name));
    if (found || cpuSearched) return found;
    cpuSearched = true;
    const cpu = loadedCpuLibrary(c, files.cpu);
    if (cpu) libraries.push(cpu);
    return libraries.find((library) => exportsSymbol(library, name));
  };
  const { c, async } = lazyFunctions(lookUp);
  checkVersion(c);
  const log = new LogRoute(c);
  log.listener = onLog;
  for (const reason of passedOver) onLog?.('warn', `gpu auto: ${reason}`);
  c.ggml_backend_load_all_from_path(directory);
  c.llama_backend_init();
  const found = foundDevices(c, setting, choice);

  const native: Native = {
    gpu: found === 'cpu' ? 'cpu' : kind,
    directory,
    c,
    async,
    address: (value) => koffi.address(value),
    view: (pointer, bytes) => koffi.view(pointer, bytes),
    text: (pointer) => koffi.decode.string(pointer),
    allocate(bytes) {
      const pointer = koffi.alloc('uint8_t', bytes);
      new Uint8Array(koffi.view(pointer, bytes)).fill(0);
      return pointer;
    },
    free: (pointer) => koffi.free(pointer),
    sizeOf: (struct) => koffi.sizeof(structType(struct)),
    offsetOf: (struct, field) => koffi.offsetof(structType(struct), field),
    encode(struct, value) {
      const bytes = new Uint8Array(koffi.sizeof(structType(struct)));
      koffi.encode(bytes, structType(struct), value);
      return bytes;
    },
    decode: (struct, memory) => koffi.decode(memory, structType(struct)),
    callback: (type, handler) => koffi.register(handler, koffi.pointer(prototypeOf(type))) as Pointer<typeof type>,
    release: (callback) => koffi.unregister(callback),
    functionAt: (pointer, type) => koffi.decode(pointer, prototypeOf(type)),
    symbol: (name) => lookUp(name)?.symbol(name),
    collectErrors: (call) => log.collectErrors(call),
    openLibrary,
    setThreads(backend, threads) {
      if (!Number.isInteger(threads) || threads < 1) throw new RangeError(`threads is ${threads}`);
      const registry = c.ggml_backend_dev_backend_reg(c.ggml_backend_get_device(backend));
      const set = c.ggml_backend_reg_get_proc_address(registry, 'ggml_backend_set_n_threads');
      if (set === null) return false;
      native.functionAt(set, 'ggml_backend_set_n_threads_t')(backend, threads);
      return true;
    },
  };
  return { native, setting, log };
}

function prototypeOf(type: keyof Callbacks): TypeObject {
  const { result, parameters } = parsePrototype(callbackPrototypes[type]);
  return koffi.proto(result, parameters);
}

/** Whether a GPU is there beside the CPU. Throws where one was asked for by name, or not even the CPU can be used. */
function foundDevices(c: CFunctions, setting: GpuSetting, { kind, directory }: LibraryChoice): 'cpu' | 'gpu' {
  const { GGML_BACKEND_DEVICE_TYPE_CPU, GGML_BACKEND_DEVICE_TYPE_GPU, GGML_BACKEND_DEVICE_TYPE_IGPU } =
    ggml_backend_dev_type;
  if (c.ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU) === null) {
    throw new AtelierError('native_mismatch', { reason: 'no CPU backend could be loaded' });
  }
  const gpus = [GGML_BACKEND_DEVICE_TYPE_GPU, GGML_BACKEND_DEVICE_TYPE_IGPU];
  if (gpus.some((type) => c.ggml_backend_dev_by_type(type) !== null)) return 'gpu';
  if (setting === 'auto' || setting === 'off' || kind === 'cpu') return 'cpu';
  throw new AtelierError('invalid_setting', { name: `ATELIER_GPU=${setting}`, reason: whyNoDevice(kind, directory) });
}

/**
 * The CPU library that the registry picked among those for different processors: the one whose function the registry
 * hands out. Opening the others to compare is what the registry itself does; nothing in them is called.
 */
function loadedCpuLibrary(c: CFunctions, files: string[]): LibraryHandle | undefined {
  const device = c.ggml_backend_dev_by_type(ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_CPU);
  if (device === null) return undefined;
  const registry = c.ggml_backend_dev_backend_reg(device);
  const chosen = c.ggml_backend_reg_get_proc_address(registry, 'ggml_backend_set_n_threads');
  for (const file of files) {
    const library = koffi.load(file);
    const symbol = 'ggml_backend_cpu_set_n_threads';
    if (exportsSymbol(library, symbol) && koffi.address(library.symbol(symbol)) === chosen) return library;
    library.unload();
  }
  return undefined;
}

function openLibrary(nameOrPath: string): OtherLibrary {
  const library = koffi.load(nameOrPath);
  return {
    function: <F extends (...parameters: never[]) => unknown>(prototype: string) =>
      library.func(prototype) as unknown as F,
    has: (symbol) => exportsSymbol(library, symbol),
  };
}
