import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { parseDeclarations, type Declarations } from '../scripts/declarations/parse.ts';
import { evaluateInteger, preprocess } from '../scripts/declarations/preprocess.ts';
import { staleDeclarations } from '../scripts/generate-declarations.ts';

function parse(source: string): Declarations {
  const into: Declarations = { functions: [], structs: new Map(), enums: new Map(), typedefs: new Map() };
  const { text, macros } = preprocess(source);
  parseDeclarations(text, (name) => evaluateInteger(macros.get(name) ?? 'unknown', () => undefined), into);
  return into;
}

describe('the generated declarations', () => {
  const hasGit = spawnSync('git', ['--version']).status === 0;
  it.runIf(hasGit)('are what the bundled headers say', () => {
    expect(staleDeclarations()).toEqual([]);
  });
});

describe('the header parser', () => {
  it('takes the C branches of conditionals and forgets comments', () => {
    const { functions } = parse(`
      #ifdef __cplusplus
      extern "C" {
      #endif
      #if defined(_WIN32) && !defined(__MINGW32__)
      void windows_only(void);
      #elif 1
      void anywhere(void); // void commented(void);
      #else
      void nowhere(void);
      #endif
      /* void gone(void); */
    `);
    expect(functions.map(({ name }) => name)).toEqual(['anywhere']);
  });

  it('evaluates enum members over macros, earlier members and operators', () => {
    const { enums } = parse('#define BASE 8\nenum e { A = BASE, B, C = 1 << 4 | 1, D = A + 2*3, E = -2, };');
    expect([...(enums.get('e') ?? [])]).toEqual([
      ['A', 8],
      ['B', 9],
      ['C', 17],
      ['D', 14],
      ['E', -2],
    ]);
  });

  it('reads pointers, arrays, callbacks, nested unions and deprecated functions', () => {
    const { structs, functions, typedefs } = parse(`
      #define N 3
      typedef bool (*callback)(void * data, int n);
      struct s { const char * name; int64_t ne[2*N]; union { int i; double d; }; void (*f)(struct s * self); };
      DEPRECATED(struct s * old(struct s * const * list, unsigned int n), "use new");
      void variadic(const char * format, ...);
    `);
    expect(structs.get('s')?.fields.map(({ name, type }) => [name, type.kind])).toEqual([
      ['name', 'pointer'],
      ['ne', 'array'],
      ['', 'aggregate'],
      ['f', 'pointer'],
    ]);
    expect(typedefs.get('callback')).toMatchObject({ kind: 'pointer', to: { kind: 'function' } });
    expect(functions).toMatchObject([{ name: 'old', deprecated: true, parameters: [{ name: 'list' }, { name: 'n' }] }]);
  });

  it('refuses what it does not know rather than guessing', () => {
    expect(() => parse('enum e { A = sizeof(int) };')).toThrow(/cannot evaluate A/);
    expect(() => parse('int variable = 3;')).toThrow();
  });
});
