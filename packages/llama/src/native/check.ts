import { AtelierError } from '@atelier/errors';
import {
  expectedDefaults,
  expectedGgmlVersion,
  expectedLlamaVersion,
  expectedRelease,
} from '../generated/expectations.ts';
import type { CFunctions } from './functions.ts';

/** What `checkVersion` compares with; a parameter so that a test can show what a mismatch does. */
export const expectations = {
  release: expectedRelease,
  llama: expectedLlamaVersion,
  ggml: expectedGgmlVersion,
  defaults: expectedDefaults as Record<string, Record<string, unknown>>,
};

/**
 * Refuses libraries that are not the version whose headers the declarations came from. Version strings are compared
 * first; then every field of the structs that `*_default_params()` returns by value, because a struct whose layout
 * changed would corrupt memory in silence. Throws `native_mismatch` naming both versions.
 */
export function checkVersion(c: CFunctions, expected: typeof expectations = expectations): void {
  const found = { llama: c.llama_version() ?? '?', ggml: c.ggml_version() ?? '?' };
  const versions =
    `bindings are for llama.cpp ${expected.llama} with ggml ${expected.ggml} (release ${expected.release}), ` +
    `the libraries are llama.cpp ${found.llama} with ggml ${found.ggml}`;
  // Builds outside a release branch of llama.cpp call themselves 0.5.0-dev.
  if (found.llama.replace(/-dev$/, '') !== expected.llama || found.ggml !== expected.ggml) {
    throw new AtelierError('native_mismatch', { reason: versions });
  }
  const actual: Record<string, object> = {
    llama_model_params: c.llama_model_default_params(),
    llama_context_params: c.llama_context_default_params(),
    llama_sampler_chain_params: c.llama_sampler_chain_default_params(),
    llama_model_quantize_params: c.llama_model_quantize_default_params(),
  };
  for (const [struct, fields] of Object.entries(expected.defaults)) {
    for (const [field, value] of Object.entries(fields)) {
      const got = (actual[struct] as Record<string, unknown> | undefined)?.[field];
      if (got !== value) {
        const reason = `${struct}.${field} is ${String(got)}, expected ${String(value)}; ${versions}`;
        throw new AtelierError('native_mismatch', { reason });
      }
    }
  }
}
