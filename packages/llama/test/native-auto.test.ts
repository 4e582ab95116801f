import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { loadNative } from '../src/index.ts';
import { runChildIn } from './run-child.ts';

/** Where the libraries of GPUs are installed beside those of the CPU. */
const hasGpuLibraries = process.platform === 'linux' && process.arch === 'x64';
const loadGpu = new URL('./load-gpu.ts', import.meta.url);

it('loads with gpu auto, which looks for drivers first', () => {
  const native = loadNative({ gpu: 'auto' });
  expect(['cpu', 'cuda', 'vulkan', 'metal']).toContain(native.gpu);
  expect(native.c.ggml_backend_dev_count()).toBeGreaterThan(0);
});

it.runIf(hasGpuLibraries)('takes the CPU and says why, with gpu auto and a driver that is broken', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'broken-driver-'));
  try {
    const report = process.report.getReport() as unknown as { sharedObjects: string[] };
    // A library that opens, and has nothing of what a driver has.
    const other = report.sharedObjects.find((file) => path.basename(file).startsWith('libm.'))!;
    for (const name of ['libcuda.so.1', 'libvulkan.so.1']) copyFileSync(other, path.join(directory, name));
    const search = [directory, process.env['LD_LIBRARY_PATH']].filter(Boolean).join(path.delimiter);
    const { status, stdout } = runChildIn({ LD_LIBRARY_PATH: search }, loadGpu, 'auto');
    expect(stdout).toMatch(/^gpu auto: vulkan is not used: its backend cannot be loaded: .*vk/m);
    expect(stdout).toMatch(/^loaded cpu$/m);
    expect(status).toBe(0);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

it.runIf(hasGpuLibraries)('says what a machine lacks that is asked for a GPU by name', () => {
  const noDevices = { CUDA_VISIBLE_DEVICES: '-1', VK_DRIVER_FILES: '/none', GGML_VK_VISIBLE_DEVICES: '' };
  for (const gpu of ['cuda', 'vulkan']) {
    const { stdout } = runChildIn(noDevices, loadGpu, gpu);
    expect(stdout).toMatch(
      new RegExp(`^invalid_setting ATELIER_GPU=${gpu} (its backend cannot be loaded: .*\\.so|no .*was found)`, 'm'),
    );
  }
});
