import { expect, it } from 'vitest';
import { loadNative } from '../src/index.ts';

it('loads with gpu auto, which looks for drivers first', () => {
  const native = loadNative({ gpu: 'auto' });
  expect(['cpu', 'cuda', 'vulkan', 'metal']).toContain(native.gpu);
  expect(native.c.ggml_backend_dev_count()).toBeGreaterThan(0);
});
