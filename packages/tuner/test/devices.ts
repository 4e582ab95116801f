/**
 * What operations are tested on. A process holds the libraries of one kind of device: the CPU's, or with TEST_VULKAN=1
 * those of Vulkan (docs/guide/gpu.md says how a machine without a GPU gets a Vulkan device).
 */
import type { DeviceOptions } from '../src/graph/device.ts';

export const onVulkan = process.env['TEST_VULKAN'] === '1';

// Central differences are too fine for products of halves, which is what a GPU's shaders multiply by default.
if (onVulkan) process.env['GGML_VK_DISABLE_F16'] ??= '1';

export const devices: readonly { products: string; options: DeviceOptions }[] = onVulkan
  ? [{ products: 'Vulkan', options: { gpu: 'vulkan', threads: 1 } }]
  : [
      { products: 'ggml', options: { gpu: 'off', threads: 1, blas: false } },
      { products: 'BLAS', options: { gpu: 'off', threads: 1, blas: true } },
    ];
