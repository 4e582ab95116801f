import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ggml_backend_dev_type, ggml_status, ggml_type } from '../src/generated/enums.ts';
import { loadNative, offsetPointer, type LogLevel } from '../src/index.ts';
import { checkVersion, expectations } from '../src/native/check.ts';
import { LogRoute } from '../src/native/log.ts';
import { runChild } from './run-child.ts';

const native = loadNative({ gpu: 'off' });
const { c } = native;

describe('loadNative', () => {
  it('returns the same object each time and refuses another GPU setting', () => {
    expect(loadNative()).toBe(native);
    expect(loadNative({ gpu: 'off' })).toBe(native);
    expect(() => loadNative({ gpu: 'vulkan' })).toThrow(/ATELIER_GPU=vulkan: this process already loaded/);
  });

  it('has every declared function that the libraries export', () => {
    const headers = ['ggml', 'ggml-alloc', 'ggml-backend', 'ggml-cpu', 'ggml-opt', 'gguf', 'llama'];
    const names = headers.flatMap((header) => {
      const text = readFileSync(new URL(`../src/generated/${header}.ts`, import.meta.url), 'utf8');
      return [...text.matchAll(/^ {2}(\w+): '.*\)',$/gm)].map((match) => match[1] ?? '');
    });
    expect(names.length).toBeGreaterThan(850);
    // Declared in the header, defined nowhere: a slip of this llama.cpp version.
    expect(names.filter((name) => native.symbol(name) === undefined)).toEqual(['ggml_threadpool_get_n_threads']);
    expect(() => c.ggml_threadpool_get_n_threads(null)).toThrow(/do not export ggml_threadpool_get_n_threads/);
  });

  it('has the functions of the CPU backend that the registry picked', () => {
    expect([0, 1]).toContain(c.ggml_cpu_has_avx2());
    const cpu = c.ggml_backend_cpu_init();
    expect(c.ggml_backend_is_cpu(cpu)).toBe(true);
    c.ggml_backend_free(cpu);
  });

  it('refuses GPUs that the machine does not have, in words', () => {
    const result = runChild(
      new URL('./load-gpu.ts', import.meta.url),
      process.platform === 'darwin' ? 'cuda' : 'metal',
    );
    expect(result.status).toBe(0);
    expect(result.stdout).toMatch(/^invalid_setting ATELIER_GPU=/);
    // What can be done instead can still be done.
    expect(result.stdout).toMatch(/^then loaded cpu$/m);
  });
});

describe('the version check', () => {
  it('accepts the libraries that are installed', () => {
    expect(() => checkVersion(c)).not.toThrow();
  });

  it('names both versions when they differ', () => {
    const error = failure(() => checkVersion(c, { ...expectations, llama: '0.4.9' }));
    expect(error).toMatchObject({ code: 'native_mismatch' });
    expect(String(error)).toMatch(/bindings are for llama\.cpp 0\.4\.9 .* the libraries are llama\.cpp 0\.5\.0/);
  });

  it('names the field whose default moved', () => {
    const defaults = { ...expectations.defaults, llama_context_params: { n_ctx: 512, n_batch: 1 } };
    expect(String(failure(() => checkVersion(c, { ...expectations, defaults })))).toMatch(
      /llama_context_params\.n_batch is 2048, expected 1/,
    );
  });
});

describe('calls', () => {
  it('build, allocate and compute a graph', () => {
    const backend = c.ggml_backend_init_by_type(ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_CPU, null)!;
    expect(native.setThreads(backend, 1)).toBe(true);
    expect(() => native.setThreads(backend, 0)).toThrow(RangeError);
    const context = c.ggml_init({ mem_size: 1 << 20, mem_buffer: null, no_alloc: true });
    const a = c.ggml_new_tensor_2d(context, ggml_type.GGML_TYPE_F32, 3, 2);
    const b = c.ggml_new_tensor_2d(context, ggml_type.GGML_TYPE_F32, 3, 4);
    const product = c.ggml_mul_mat(context, a, b);
    const graph = c.ggml_new_graph(context);
    c.ggml_build_forward_expand(graph, product);
    const buffer = c.ggml_backend_alloc_ctx_tensors(context, backend);
    c.ggml_backend_tensor_set(a, Float32Array.of(1, 2, 3, 4, 5, 6), 0, 24);
    // The other input is written in place: on the CPU a tensor's memory is this process's memory.
    const memory = new Float32Array(native.view(c.ggml_get_data(b), 48));
    memory.set([1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1]);
    expect(c.ggml_backend_graph_compute(backend, graph)).toBe(ggml_status.GGML_STATUS_SUCCESS);
    const result = new Float32Array(8);
    c.ggml_backend_tensor_get(product, result, 0, 32);
    expect([...result]).toEqual([1, 4, 2, 5, 3, 6, 6, 15]);
    c.ggml_backend_buffer_free(buffer);
    c.ggml_free(context);
    c.ggml_backend_free(backend);
  });

  it('run on other threads as promises', async () => {
    expect(await native.async.ggml_type_name(ggml_type.GGML_TYPE_Q8_0)).toBe('q8_0');
  });

  it('take structs as bytes and give them back', () => {
    const bytes = native.encode('llama_logit_bias', { token: 7, bias: -1.5 });
    expect(bytes.length).toBe(native.sizeOf('llama_logit_bias'));
    expect(native.decode('llama_logit_bias', bytes)).toEqual({ token: 7, bias: -1.5 });
    const pool = native.encode('ggml_threadpool_params', { ...c.ggml_threadpool_params_default(3), poll: 0 });
    expect(native.decode('ggml_threadpool_params', pool)).toMatchObject({ n_threads: 3, poll: 0 });
    expect(native.offsetOf('ggml_tensor', 'data')).toBeGreaterThan(0);
  });

  it('read and write native memory', () => {
    const memory = native.allocate<'int32_t'>(8);
    expect([...new Uint8Array(native.view(memory, 8))]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    new Int32Array(native.view(memory, 8))[1] = 42;
    expect(new Int32Array(native.view(offsetPointer(memory, 4), 4))[0]).toBe(42);
    expect(native.address(memory)).toBe(memory);
    native.free(memory);
  });

  it('call back into JavaScript', () => {
    const seen: string[] = [];
    const callback = native.callback('ggml_log_callback', (level, text) => seen.push(`${level} ${text}`));
    native.functionAt(callback, 'ggml_log_callback')(2, 'hello', null);
    native.release(callback);
    expect(seen).toEqual(['2 hello']);
  });

  it.runIf(process.platform === 'linux')('reach other libraries', () => {
    const libm = native.openLibrary('libm.so.6');
    expect(libm.has('cbrt')).toBe(true);
    expect(libm.has('no_such_function')).toBe(false);
    expect(libm.function<(x: number) => number>('double cbrt(double x)')(27)).toBeCloseTo(3, 12);
    expect(() => native.openLibrary('libno-such-library.so.9')).toThrow();
  });
});

describe('the log', () => {
  it('goes to the listener, one whole line at a time with its level, and nowhere else', () => {
    const { status, stdout, stderr } = runChild(new URL('./log-lines.ts', import.meta.url));
    expect(status).toBe(0);
    expect(stderr).toBe('');
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { level: LogLevel; text: string });
    expect(lines.length).toBeGreaterThan(10);
    expect(lines.every(({ text }) => text.length > 0 && !text.includes('\n'))).toBe(true);
    expect(lines).toContainEqual({ level: 'error', text: expect.stringMatching(/^gguf_init_from_file/) as string });
  });

  it('joins continued lines and collects errors', () => {
    const route = new LogRoute({ ...c, llama_log_set: () => undefined });
    const lines: string[] = [];
    route.listener = (level, text) => lines.push(`${level}: ${text}`);
    const receive = (level: number, text: string): void => route.receive(level, text);
    const { errors } = route.collectErrors(() => {
      receive(2, 'loading ');
      receive(5, '. . ');
      receive(5, 'done\nnext\n');
      receive(4, 'broken');
    });
    expect(lines).toEqual(['info: loading . . done', 'info: next', 'error: broken']);
    expect(errors).toEqual(['broken']);
  });
});

function failure(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}
