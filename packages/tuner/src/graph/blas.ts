/** The machine's BLAS, when it has one: cblas_sgemm of OpenBLAS, BLIS, MKL or Accelerate, called straight on ggml's CPU memory. */
import { availableParallelism } from 'node:os';
import type { Native } from '@atelier/llama';
import type { Gemm, Product } from './product.ts';

export type Blas = {
  readonly name: string;
  /** Turns products into calls with absolute addresses, once their memory is planned. */
  prepare(product: Product): PreparedGemm[];
  run(gemm: PreparedGemm): void;
};

export type PreparedGemm = readonly [
  order: 101,
  transA: 111 | 112,
  transB: 111 | 112,
  m: number,
  n: number,
  k: number,
  alpha: number,
  a: bigint,
  lda: number,
  b: bigint,
  ldb: number,
  beta: number,
  c: bigint,
  ldc: number,
];

const candidates: Record<string, readonly string[]> = {
  linux: ['libopenblas.so.0', 'libopenblas.so', 'libblis.so.4', 'libmkl_rt.so.2', 'libmkl_rt.so'],
  darwin: ['/System/Library/Frameworks/Accelerate.framework/Accelerate'],
  win32: ['libopenblas.dll', 'mkl_rt.2.dll'],
};

const signature =
  'void cblas_sgemm(int order, int ta, int tb, int m, int n, int k, float alpha, void *a, int lda, void *b, int ldb, float beta, void *c, int ldc)';

/** Opens the first BLAS found, or returns undefined. `threads` sets its pool where the library lets us. */
export function openBlas(native: Native, threads = availableParallelism()): Blas | undefined {
  // A BLAS pool that spins after each product starves ggml's threads on the same cores. Read once, when the library loads.
  process.env['OPENBLAS_THREAD_TIMEOUT'] ??= '4';
  process.env['OMP_NUM_THREADS'] ??= String(threads);
  for (const name of candidates[process.platform] ?? []) {
    let library;
    try {
      library = native.openLibrary(name);
    } catch {
      continue;
    }
    const sgemm = library.function<(...args: PreparedGemm) => void>(signature);
    if (library.has('openblas_set_num_threads')) {
      library.function<(n: number) => void>('void openblas_set_num_threads(int n)')(threads);
    }
    return {
      name: name.split('/').at(-1)!,
      prepare: (product) => prepare(native, product),
      run: (gemm) => sgemm(...gemm),
    };
  }
  return undefined;
}

function prepare(native: Native, { a, b, output, gemms }: Product): PreparedGemm[] {
  const address = (tensor: typeof a): bigint => native.address(native.c.ggml_get_data(tensor)!);
  const [aBase, bBase, cBase] = [address(a), address(b), address(output)];
  const at = (base: bigint, place: Gemm['a']): bigint => base + BigInt(place.at * Float32Array.BYTES_PER_ELEMENT);
  return gemms.map((g) => [
    101,
    g.transposeA ? 112 : 111,
    g.transposeB ? 112 : 111,
    g.m,
    g.n,
    g.k,
    g.alpha,
    at(aBase, g.a),
    g.a.ld,
    at(bBase, g.b),
    g.b.ld,
    g.beta,
    at(cBase, g.c),
    g.c.ld,
  ]);
}
