/** What the preprocessor leaves of a header: plain declarations, and the object-like macros it defined. */
export interface Preprocessed {
  text: string;
  macros: Map<string, string>;
}

/**
 * Runs the part of the C preprocessor that llama.cpp's headers need: comments, conditionals and object-like macros.
 * No macro is predefined, which selects the C (not C++), non-Windows, non-shared branches.
 */
export function preprocess(source: string, macros: Map<string, string> = new Map()): Preprocessed {
  const withoutComments = source.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"/g, (match) =>
    match.startsWith('"') ? match : ' ',
  );
  const lines = withoutComments.replace(/\\\r?\n/g, ' ').split('\n');
  const kept: string[] = [];
  // One entry per open #if: whether its current branch is active, and whether any branch was already taken.
  const conditions: { active: boolean; taken: boolean }[] = [];
  for (const line of lines) {
    const directive = /^\s*#\s*(\w+)\s*(.*)$/.exec(line);
    const active = conditions.every((condition) => condition.active);
    if (!directive) {
      if (active) kept.push(line);
      continue;
    }
    const [, name, rest = ''] = directive;
    const innermost = conditions.at(-1);
    if (name === 'if' || name === 'ifdef' || name === 'ifndef') {
      const holds = name === 'if' ? evaluateCondition(rest, macros) : macros.has(rest.trim()) === (name === 'ifdef');
      conditions.push({ active: holds, taken: holds });
    } else if (name === 'elif' && innermost) {
      innermost.active = !innermost.taken && evaluateCondition(rest, macros);
      innermost.taken ||= innermost.active;
    } else if (name === 'else' && innermost) {
      innermost.active = !innermost.taken;
    } else if (name === 'endif') {
      conditions.pop();
    } else if (name === 'define' && active) {
      const macro = /^(\w+)(?!\()\s*(.*)$/.exec(rest);
      if (macro && !/^\w+\(/.test(rest)) macros.set(macro[1] ?? '', (macro[2] ?? '').trim());
    }
  }
  return { text: kept.join('\n'), macros };
}

function evaluateCondition(expression: string, macros: Map<string, string>): boolean {
  const resolved = expression
    .replace(/defined\s*\(?\s*(\w+)\s*\)?/g, (_, name: string) => (macros.has(name) ? '1' : '0'))
    .replace(/\b[A-Za-z_]\w*\b/g, '0')
    .replace(/\b(\d+)[uUlL]+\b/g, '$1');
  return evaluateInteger(resolved, () => undefined) !== 0;
}

/**
 * Value of a C constant expression over integers, or undefined where a name in it has no value.
 * Operators in C's precedence: unary, * / %, + -, << >>, comparisons, &, ^, |, &&, ||.
 */
export function evaluateInteger(expression: string, lookUp: (name: string) => number | undefined): number | undefined {
  const tokens = expression.match(/0[xX][0-9a-fA-F]+|\d+|[A-Za-z_]\w*|<<|>>|<=|>=|==|!=|&&|\|\||[^\s]/g) ?? [];
  let position = 0;
  let known = true;
  const levels: Record<string, (a: number, b: number) => number>[] = [
    { '||': (a, b) => Number(a !== 0 || b !== 0) },
    { '&&': (a, b) => Number(a !== 0 && b !== 0) },
    { '|': (a, b) => a | b },
    { '^': (a, b) => a ^ b },
    { '&': (a, b) => a & b },
    { '==': (a, b) => Number(a === b), '!=': (a, b) => Number(a !== b) },
    {
      '<': (a, b) => Number(a < b),
      '>': (a, b) => Number(a > b),
      '<=': (a, b) => Number(a <= b),
      '>=': (a, b) => Number(a >= b),
    },
    { '<<': (a, b) => a * 2 ** b, '>>': (a, b) => Math.floor(a / 2 ** b) },
    { '+': (a, b) => a + b, '-': (a, b) => a - b },
    { '*': (a, b) => a * b, '/': (a, b) => Math.trunc(a / b), '%': (a, b) => a % b },
  ];
  const primary = (): number => {
    const token = tokens[position++];
    if (token === '(') {
      const value = binary(0);
      if (tokens[position++] !== ')') known = false;
      return value;
    }
    if (token === '-') return -primary();
    if (token === '+') return primary();
    if (token === '!') return Number(primary() === 0);
    if (token === '~') return ~primary();
    if (token !== undefined && /^\d/.test(token)) {
      const suffix = tokens[position];
      if (suffix !== undefined && /^[uUlL]+$/.test(suffix)) position++;
      return Number(token);
    }
    const value = token === undefined ? undefined : lookUp(token);
    if (value === undefined) known = false;
    return value ?? 0;
  };
  const binary = (level: number): number => {
    const operators = levels[level];
    if (!operators) return primary();
    let left = binary(level + 1);
    for (let operator = operators[tokens[position] ?? '']; operator; operator = operators[tokens[position] ?? '']) {
      position++;
      left = operator(left, binary(level + 1));
    }
    return left;
  };
  const value = binary(0);
  return known && position === tokens.length ? value : undefined;
}
