/**
 * Writes src/generated from the llama.cpp source inside node-llama-cpp (a git bundle), so that the declarations always
 * belong to the libraries that npm installed. With --check it writes nothing and fails when the files differ.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readDefaults } from './declarations/defaults.ts';
import { emitCallbacks, emitConstants, emitEnums, emitFunctions, emitStructs } from './declarations/emit.ts';
import { nameNestedAggregates } from './declarations/lower.ts';
import { type CFunction, type Declarations, parseDeclarations } from './declarations/parse.ts';
import { evaluateInteger, preprocess } from './declarations/preprocess.ts';

const headers = [
  'ggml/include/ggml.h',
  'ggml/include/ggml-alloc.h',
  'ggml/include/ggml-backend.h',
  'ggml/include/ggml-cpu.h',
  'ggml/include/ggml-opt.h',
  'ggml/include/gguf.h',
  'include/llama.h',
];
/** Where each `<struct>_default_params()` has its values. */
const defaultSources: Record<string, string> = {
  llama_model_params: 'src/llama-model.cpp',
  llama_context_params: 'src/llama-context.cpp',
  llama_sampler_chain_params: 'src/llama.cpp',
  llama_model_quantize_params: 'src/llama-quant.cpp',
};
const versionSources = ['CMakeLists.txt', 'ggml/CMakeLists.txt'] as const;

const generatedDirectory = path.resolve(import.meta.dirname, '../src/generated');

/** Contents of every generated file, by file name. */
export function generateDeclarations(): Map<string, string> {
  const resolve = createRequire(import.meta.url).resolve;
  const packageDirectory = path.resolve(path.dirname(resolve('node-llama-cpp')), '..');
  const checkout = mkdtempSync(path.join(tmpdir(), 'atelier-llama-headers-'));
  try {
    const bundle = path.join(packageDirectory, 'llama/gitRelease.bundle');
    execFileSync('git', ['clone', '--quiet', '--no-checkout', bundle, checkout], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const files = [...headers, ...Object.values(defaultSources), ...versionSources];
    execFileSync('git', ['-C', checkout, 'checkout', '--quiet', 'HEAD', '--', ...files]);
    return generateFrom((file) => readFileSync(path.join(checkout, file), 'utf8'), packageDirectory);
  } finally {
    rmSync(checkout, { recursive: true, force: true });
  }
}

function generateFrom(read: (file: string) => string, packageDirectory: string): Map<string, string> {
  const declarations: Declarations = { functions: [], structs: new Map(), enums: new Map(), typedefs: new Map() };
  const macros = new Map<string, string>();
  const lookUp = (name: string): number | undefined => {
    for (const values of declarations.enums.values()) if (values.has(name)) return values.get(name);
    const text = macros.get(name);
    return text === undefined || text === '' || text === name ? undefined : evaluateInteger(text, lookUp);
  };
  // FILE is opaque here: the functions that take one are declared, but nothing of ours makes one.
  declarations.typedefs.set('FILE', { kind: 'base', name: 'FILE', const: false });

  const byHeader = new Map<string, CFunction[]>();
  for (const file of headers) {
    const { text } = preprocess(read(file), macros);
    const before = declarations.functions.length;
    parseDeclarations(text, lookUp, declarations);
    byHeader.set(path.basename(file, '.h'), declarations.functions.slice(before));
  }
  declarations.typedefs.delete('FILE');
  nameNestedAggregates(declarations.structs);

  const files = new Map<string, string>();
  files.set('enums.ts', emitEnums(declarations));
  files.set('constants.ts', emitConstants(publicConstants(macros, lookUp)));
  files.set('structs.ts', emitStructs(declarations));
  files.set('callbacks.ts', emitCallbacks(declarations));
  for (const [header, functions] of byHeader) files.set(`${header}.ts`, emitFunctions(header, functions, declarations));
  files.set('expectations.ts', emitExpectations(read, packageDirectory, declarations, lookUp));
  return files;
}

function publicConstants(
  macros: ReadonlyMap<string, string>,
  lookUp: (name: string) => number | undefined,
): Map<string, number | string> {
  const constants = new Map<string, number | string>();
  for (const [name, text] of macros) {
    if (!/^(GGML|GGUF|LLAMA)_/.test(name) || text === '') continue;
    const quoted = /^"([^"'\\]*)"$/.exec(text)?.[1];
    const value = quoted ?? lookUp(name);
    if (value !== undefined) constants.set(name, value);
  }
  return constants;
}

/** What the libraries must answer at start if they are the version that these declarations were made from. */
function emitExpectations(
  read: (file: string) => string,
  packageDirectory: string,
  declarations: Declarations,
  lookUp: (name: string) => number | undefined,
): string {
  const release = JSON.parse(readFileSync(path.join(packageDirectory, 'llama/binariesGithubRelease.json'), 'utf8')) as {
    release: string;
  };
  const version = (file: string, prefix: string): string => {
    const text = read(file);
    const part = (name: string): string =>
      new RegExp(`set\\(${prefix}_VERSION_${name} (\\d+)\\)`).exec(text)?.[1] ?? '?';
    return ['MAJOR', 'MINOR', 'PATCH'].map(part).join('.');
  };
  const defaults = Object.fromEntries(
    Object.entries(defaultSources).map(([struct, file]) => {
      const fields = declarations.structs.get(struct)?.fields.map((field) => field.name) ?? [];
      return [struct, readDefaults(read(file), struct, fields, lookUp)];
    }),
  );
  return [
    '// Generated by scripts/generate-declarations.ts from the llama.cpp source of node-llama-cpp. Do not edit.\n',
    '/** The release whose headers these declarations were made from. */',
    `export const expectedRelease = '${release.release}';`,
    `export const expectedLlamaVersion = '${version(versionSources[0], 'LLAMA')}';`,
    `export const expectedGgmlVersion = '${version(versionSources[1], 'GGML')}';`,
    '',
    '/** Values of `<struct>_default_params()` in the source of that release. */',
    `export const expectedDefaults = ${JSON.stringify(defaults, null, 2).replace(/"(\w+)":/g, '$1:')} as const;`,
    '',
  ].join('\n');
}

/** Names of generated files that are missing or differ from what the headers say now. */
export function staleDeclarations(): string[] {
  return [...generateDeclarations()]
    .filter(([name, text]) => {
      try {
        return readFileSync(path.join(generatedDirectory, name), 'utf8') !== text;
      } catch {
        return true;
      }
    })
    .map(([name]) => name);
}

if (import.meta.main) {
  if (process.argv.includes('--check')) {
    const stale = staleDeclarations();
    if (stale.length > 0) {
      console.error(
        `src/generated differs from the headers: ${stale.join(', ')}; run scripts/generate-declarations.ts`,
      );
      process.exitCode = 1;
    }
  } else {
    mkdirSync(generatedDirectory, { recursive: true });
    for (const [name, text] of generateDeclarations()) writeFileSync(path.join(generatedDirectory, name), text);
  }
}
