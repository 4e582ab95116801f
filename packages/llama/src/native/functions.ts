import { AtelierError } from '@atelier/errors';
import koffi, { type KoffiFunc, type LibraryHandle } from 'koffi';
import { type GgmlAllocFunctions, ggmlAllocPrototypes } from '../generated/ggml-alloc.ts';
import { type GgmlBackendFunctions, ggmlBackendPrototypes } from '../generated/ggml-backend.ts';
import { type GgmlCpuFunctions, ggmlCpuPrototypes } from '../generated/ggml-cpu.ts';
import { type GgmlOptFunctions, ggmlOptPrototypes } from '../generated/ggml-opt.ts';
import { type GgmlFunctions, ggmlPrototypes } from '../generated/ggml.ts';
import { type GgufFunctions, ggufPrototypes } from '../generated/gguf.ts';
import { type LlamaFunctions, llamaPrototypes } from '../generated/llama.ts';
import { parsePrototype } from './types.ts';

/** Every C function of llama.cpp's public headers, by its C name. */
export interface CFunctions
  extends
    GgmlFunctions,
    GgmlAllocFunctions,
    GgmlBackendFunctions,
    GgmlCpuFunctions,
    GgmlOptFunctions,
    GgufFunctions,
    LlamaFunctions {}

/** The same functions, each run on a thread of its own; the promise rejects only when the call itself cannot be made. */
export type AsyncCFunctions = {
  [Name in keyof CFunctions]: (...parameters: Parameters<CFunctions[Name]>) => Promise<ReturnType<CFunctions[Name]>>;
};

/** Finds the library that exports a symbol. */
export type SymbolLookup = (name: string) => LibraryHandle | undefined;

const prototypes: Record<string, string> = {
  ...ggmlPrototypes,
  ...ggmlAllocPrototypes,
  ...ggmlBackendPrototypes,
  ...ggmlCpuPrototypes,
  ...ggmlOptPrototypes,
  ...ggufPrototypes,
  ...llamaPrototypes,
};

type Bound = KoffiFunc<(...parameters: unknown[]) => unknown>;

/** Objects whose members bind to the C function of their name when first read, and are plain properties afterwards. */
export function lazyFunctions(lookUp: SymbolLookup): { c: CFunctions; async: AsyncCFunctions } {
  const bind = (name: string): Bound => {
    const library = lookUp(name);
    if (!library) throw new AtelierError('native_mismatch', { reason: `the libraries do not export ${name}` });
    const { result, parameters } = parsePrototype(prototypes[name] ?? '');
    return library.func(name, result, parameters) as Bound;
  };
  const c = lazyObject(Object.keys(prototypes), bind) as unknown as CFunctions;
  const async = lazyObject(Object.keys(prototypes), (name) => {
    const bound = c[name as keyof CFunctions] as unknown as Bound;
    return (...parameters: unknown[]) =>
      new Promise((resolve, reject) => {
        bound.async(...parameters, (error: unknown, result: unknown) => (error ? reject(error) : resolve(result)));
      });
  }) as unknown as AsyncCFunctions;
  return { c, async };
}

function lazyObject(names: string[], make: (name: string) => unknown): object {
  const prototype = {};
  for (const name of names) {
    Object.defineProperty(prototype, name, {
      get(this: object) {
        const value = make(name);
        Object.defineProperty(this, name, { value, enumerable: true });
        return value;
      },
    });
  }
  return Object.create(prototype) as object;
}

/** True when the library exports the symbol. */
export function exportsSymbol(library: LibraryHandle, name: string): boolean {
  try {
    return koffi.address(library.symbol(name)) !== 0n;
  } catch {
    return false;
  }
}
