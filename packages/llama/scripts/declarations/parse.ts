import { evaluateInteger } from './preprocess.ts';

/** A C type as declared. `base` is a primitive (`int32_t`, `unsigned int`), or a struct, enum or typedef name. */
export type CType =
  | { kind: 'base'; name: string; const: boolean }
  | { kind: 'pointer'; to: CType }
  | { kind: 'array'; of: CType; length: number }
  | { kind: 'function'; result: CType; parameters: CParameter[] }
  | { kind: 'aggregate'; aggregate: CAggregate };

export type CParameter = { name: string; type: CType };
export type CAggregate = { union: boolean; fields: CParameter[] };
export type CFunction = { name: string; result: CType; parameters: CParameter[]; deprecated: boolean };

/** Everything that a header declares, in source order. */
export interface Declarations {
  functions: CFunction[];
  structs: Map<string, CAggregate>;
  enums: Map<string, Map<string, number>>;
  typedefs: Map<string, CType>;
}

const ignoredWords = new Set([
  'extern',
  'GGML_API',
  'GGML_BACKEND_API',
  'LLAMA_API',
  'GGML_NORETURN',
  'GGML_RESTRICT',
  'GGML_CALL',
  'restrict',
  '__restrict__',
]);
const builtinWords = new Set(['unsigned', 'signed', 'long', 'short', 'int', 'char', 'float', 'double', 'void', 'bool']);

/**
 * Parses preprocessed C declarations of the plain kind that llama.cpp's public headers hold.
 * Throws on anything it does not know, so that a new construct in a later version cannot be misread in silence.
 * Functions with variable arguments are left out: they cannot be called through a fixed prototype.
 */
export function parseDeclarations(
  text: string,
  constants: (name: string) => number | undefined,
  into: Declarations,
): void {
  new Parser(text, constants, into).run();
}

class Parser {
  private readonly tokens: string[];
  private readonly constants: (name: string) => number | undefined;
  private readonly into: Declarations;
  private position = 0;

  constructor(text: string, constants: (name: string) => number | undefined, into: Declarations) {
    this.tokens = (
      text.match(/"(?:\\.|[^"\\])*"|[A-Za-z_]\w*|0[xX][0-9a-fA-F]+[uUlL]*|\d+[uUlL]*|\.\.\.|<<|>>|[^\s]/g) ?? []
    ).filter((token) => !ignoredWords.has(token));
    this.constants = constants;
    this.into = into;
  }

  run(): void {
    while (this.position < this.tokens.length) this.declaration();
  }

  private declaration(): void {
    const token = this.peek();
    if (token === ';' || token === '}') this.position++;
    else if (token === '"C"') this.position += 2;
    else if (token === 'typedef') this.typedef();
    else if (token === 'static') this.skipStatic();
    else if (token === 'DEPRECATED' || token === 'GGML_DEPRECATED') this.deprecated();
    else if (token === 'GGML_ATTRIBUTE_FORMAT') this.skipParentheses(++this.position);
    else this.functionOrType(false);
  }

  private peek(ahead = 0): string {
    return this.tokens[this.position + ahead] ?? '';
  }

  private take(expected?: string): string {
    const token = this.tokens[this.position++] ?? '';
    if (expected !== undefined && token !== expected) {
      const near = this.tokens.slice(Math.max(0, this.position - 12), this.position + 4).join(' ');
      throw new Error(`expected ${expected}, found ${token} near: ${near}`);
    }
    return token;
  }

  private skipParentheses(from: number): void {
    this.position = from;
    let depth = 0;
    do {
      const token = this.take();
      if (token === '(') depth++;
      if (token === ')') depth--;
    } while (depth > 0);
  }

  private skipStatic(): void {
    while (this.peek() !== ';' && this.peek() !== '{') this.position++;
    if (this.peek() === ';') return;
    let depth = 0;
    do {
      const token = this.take();
      if (token === '{') depth++;
      if (token === '}') depth--;
    } while (depth > 0);
  }

  private deprecated(): void {
    this.position++;
    this.take('(');
    this.functionOrType(true);
    this.take(',');
    while (this.peek().startsWith('"')) this.position++;
    this.take(')');
  }

  private typedef(): void {
    this.take('typedef');
    const type = this.typeSpecifier();
    const { name, type: declared } = this.declarator(type);
    this.into.typedefs.set(name, declared);
    // `typedef struct { ... } name` has no tag of its own, so the name becomes the tag.
    if (declared.kind === 'aggregate') this.into.structs.set(name, declared.aggregate);
    this.take(';');
  }

  private functionOrType(deprecated: boolean): void {
    const type = this.typeSpecifier();
    if (this.peek() === ';') return;
    const { name, type: declared } = this.declarator(type);
    if (declared.kind !== 'function') throw new Error(`cannot read the declaration of ${name}`);
    const variadic = declared.parameters.some((parameter) => parameter.name === '...');
    if (!variadic) {
      this.into.functions.push({ name, result: declared.result, parameters: declared.parameters, deprecated });
    }
  }

  /** Reads qualifiers and the base type, with the body of a struct, union or enum when one follows. */
  private typeSpecifier(): CType {
    let isConst = false;
    const words: string[] = [];
    for (;;) {
      const token = this.peek();
      if (token === 'const') isConst = true;
      else if (token === 'struct' || token === 'union' || token === 'enum') return this.tagged(isConst);
      else if (builtinWords.has(token)) words.push(token);
      else if (words.length === 0 && /^[A-Za-z_]/.test(token)) words.push(token);
      else break;
      this.position++;
      if (words.length === 1 && !builtinWords.has(words[0] ?? '')) break;
    }
    if (this.peek() === 'const') {
      isConst = true;
      this.position++;
    }
    return { kind: 'base', name: words.join(' '), const: isConst };
  }

  private tagged(isConst: boolean): CType {
    const keyword = this.take();
    const tag = /^[A-Za-z_]/.test(this.peek()) ? this.take() : '';
    if (this.peek() === '{') {
      if (keyword === 'enum') this.into.enums.set(tag, this.enumBody());
      else {
        const aggregate = this.aggregateBody(keyword === 'union');
        if (tag === '') return { kind: 'aggregate', aggregate };
        this.into.structs.set(tag, aggregate);
      }
    }
    if (this.peek() === 'const') {
      isConst = true;
      this.position++;
    }
    return { kind: 'base', name: tag, const: isConst };
  }

  private enumBody(): Map<string, number> {
    const values = new Map<string, number>();
    let next = 0;
    this.take('{');
    while (this.peek() !== '}') {
      const name = this.take();
      if (this.peek() === '=') {
        const expression: string[] = [];
        this.position++;
        while (this.peek() !== ',' && this.peek() !== '}') expression.push(this.take());
        const value = evaluateInteger(expression.join(' '), (word) => values.get(word) ?? this.constants(word));
        if (value === undefined) throw new Error(`cannot evaluate ${name} = ${expression.join(' ')}`);
        next = value;
      }
      values.set(name, next++);
      if (this.peek() === ',') this.position++;
    }
    this.take('}');
    return values;
  }

  private aggregateBody(union: boolean): CAggregate {
    const fields: CParameter[] = [];
    this.take('{');
    while (this.peek() !== '}') {
      const type = this.typeSpecifier();
      // A nested union without a name: its fields belong to the outer struct.
      if (this.peek() === ';') fields.push({ name: '', type });
      else fields.push(this.declarator(type));
      this.take(';');
    }
    this.take('}');
    return { union, fields };
  }

  /** Reads pointers, the name, array lengths and parameter lists that follow a base type. */
  private declarator(base: CType): CParameter {
    let type = base;
    while (this.peek() === '*' || this.peek() === 'const') {
      if (this.take() === '*') type = { kind: 'pointer', to: type };
    }
    if (this.peek() === '(' && this.peek(1) === '*') {
      this.position += 2;
      const name = this.take();
      this.take(')');
      return { name, type: { kind: 'pointer', to: { kind: 'function', result: type, parameters: this.parameters() } } };
    }
    const name = /^[A-Za-z_]/.test(this.peek()) ? this.take() : '';
    if (this.peek() === '(') return { name, type: { kind: 'function', result: type, parameters: this.parameters() } };
    const lengths: number[] = [];
    while (this.peek() === '[') {
      const expression: string[] = [];
      this.position++;
      while (this.peek() !== ']') expression.push(this.take());
      this.take(']');
      lengths.push(this.arrayLength(expression.join(' ')));
    }
    for (const length of lengths.toReversed()) type = { kind: 'array', of: type, length };
    return { name, type };
  }

  private arrayLength(expression: string): number {
    const sizes = expression.replace(/sizeof \( int32_t \)/g, '4');
    const length = evaluateInteger(sizes, this.constants);
    if (length === undefined) throw new Error(`cannot evaluate the array length ${expression}`);
    return length;
  }

  private parameters(): CParameter[] {
    const list: CParameter[] = [];
    this.take('(');
    while (this.peek() !== ')') {
      if (this.peek() === '...') {
        this.position++;
        list.push({ name: '...', type: { kind: 'base', name: 'void', const: false } });
      } else {
        const { name, type } = this.declarator(this.typeSpecifier());
        const isVoid = type.kind === 'base' && type.name === 'void' && name === '';
        // C passes arrays in parameters as pointers to their first element.
        const passed: CType = type.kind === 'array' ? { kind: 'pointer', to: type.of } : type;
        if (!isVoid) list.push({ name, type: passed });
      }
      if (this.peek() === ',') this.position++;
    }
    this.take(')');
    return list;
  }
}
