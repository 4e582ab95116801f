import type { CAggregate, CParameter, CType, Declarations } from './parse.ts';

/**
 * How a C type crosses the boundary: `native` is the word that src/native/types.ts gives to koffi, `typescript` what
 * callers write. A declared enum or struct that `typescript` mentions is also listed in `names`, to be imported.
 */
export interface LoweredType {
  native: string;
  typescript: string;
  names: string[];
}

const wide = new Set(['int64_t', 'uint64_t', 'size_t', 'long', 'unsigned long', 'long long', 'uintptr_t']);
const numbers = new Set([
  'int8_t',
  'uint8_t',
  'int16_t',
  'uint16_t',
  'int32_t',
  'uint32_t',
  'int',
  'unsigned int',
  'unsigned',
  'float',
  'double',
  'short',
  'char',
  'unsigned char',
]);
const views: Record<string, string> = {
  void: 'ArrayBufferView',
  char: 'Uint8Array',
  bool: 'Uint8Array',
  int8_t: 'Int8Array',
  uint8_t: 'Uint8Array',
  int16_t: 'Int16Array',
  uint16_t: 'Uint16Array',
  int32_t: 'Int32Array',
  int: 'Int32Array',
  uint32_t: 'Uint32Array',
  float: 'Float32Array',
  double: 'Float64Array',
  int64_t: 'BigInt64Array',
  uint64_t: 'BigUint64Array',
  size_t: 'BigUint64Array',
};
// Structs that only ever live in native memory: callers hold pointers to them and never encode one.
const nativeOnly = new Set(['ggml_tensor', 'ggml_object']);

/** Lowers types of one set of declarations. */
export class Lowering {
  private readonly declarations: Declarations;

  constructor(declarations: Declarations) {
    this.declarations = declarations;
  }

  /** Follows typedefs down to a type that is not one. */
  resolve(type: CType): CType {
    if (type.kind !== 'base' || this.isAggregate(type.name)) return type;
    const target = this.declarations.typedefs.get(type.name);
    return target ? this.resolve(target) : type;
  }

  parameter(type: CType): LoweredType {
    const resolved = this.resolve(type);
    if (resolved.kind === 'pointer') return this.pointerParameter(type, resolved.to);
    return this.value(resolved, 'in');
  }

  result(type: CType, neverNull: boolean): LoweredType {
    const resolved = this.resolve(type);
    if (resolved.kind !== 'pointer') return this.value(resolved, 'out');
    const to = this.resolve(resolved.to);
    if (to.kind === 'base' && to.name === 'char' && to.const)
      return { native: 'str', typescript: 'string | null', names: [] };
    const pointer = `Pointer<'${this.pointee(type, resolved.to)}'>`;
    return { native: 'void*', typescript: neverNull ? pointer : `${pointer} | null`, names: ['Pointer'] };
  }

  field(type: CType, owner: string): LoweredType {
    const resolved = this.resolve(type);
    if (resolved.kind === 'pointer') {
      const pointer = `Pointer<'${this.pointee(type, resolved.to)}'> | null`;
      return { native: 'void*', typescript: pointer, names: ['Pointer'] };
    }
    if (resolved.kind === 'array') {
      const element = this.field(resolved.of, owner);
      const isText = element.native === 'char';
      return {
        native: `${element.native}[${resolved.length}]`,
        typescript: isText ? 'string' : `ArrayLike<${element.typescript}>`,
        names: element.names,
      };
    }
    if (resolved.kind === 'aggregate') return { native: `struct:${owner}`, typescript: owner, names: [owner] };
    return this.value(resolved, 'in');
  }

  private value(type: CType, direction: 'in' | 'out'): LoweredType {
    if (type.kind !== 'base') throw new Error(`cannot pass a ${type.kind} by value`);
    if (type.name === 'void') return { native: 'void', typescript: 'void', names: [] };
    if (type.name === 'bool') return { native: 'bool', typescript: 'boolean', names: [] };
    if (wide.has(type.name)) {
      return { native: type.name, typescript: direction === 'in' ? 'number | bigint' : 'number', names: [] };
    }
    if (numbers.has(type.name)) return { native: type.name, typescript: 'number', names: [] };
    if (this.declarations.enums.has(type.name)) return { native: 'int', typescript: type.name, names: [type.name] };
    if (this.isAggregate(type.name))
      return { native: `struct:${type.name}`, typescript: type.name, names: [type.name] };
    throw new Error(`unknown C type ${type.name}`);
  }

  private pointerParameter(declared: CType, target: CType): LoweredType {
    const to = this.resolve(target);
    const pointer = `Pointer<'${this.pointee(declared, target)}'>`;
    const names = ['Pointer'];
    if (to.kind === 'base' && to.name === 'char' && to.const) {
      // Text that is not NUL-terminated JavaScript text, or already lives in native memory, is passed as bytes.
      return { native: 'const char*', typescript: 'string | Uint8Array | null', names: [] };
    }
    if (to.kind === 'pointer') {
      const inner = this.resolve(to.to);
      if (inner.kind === 'base' && inner.name === 'char' && inner.const) {
        return { native: 'const char**', typescript: 'readonly string[] | null', names: [] };
      }
      return { native: 'void*', typescript: `${pointer} | BigUint64Array | null`, names };
    }
    const isPlain = to.kind === 'base' && this.isAggregate(to.name) && !nativeOnly.has(to.name);
    const view = to.kind === 'base' ? (views[to.name] ?? (isPlain ? 'Uint8Array' : undefined)) : undefined;
    // An enum behind a pointer is an int in memory.
    const isEnum = to.kind === 'base' && this.declarations.enums.has(to.name);
    const accepted = isEnum ? 'Int32Array' : view;
    return { native: 'void*', typescript: accepted ? `${pointer} | ${accepted} | null` : `${pointer} | null`, names };
  }

  private isAggregate(name: string): boolean {
    return this.declarations.structs.has(name);
  }

  /** The word inside Pointer<'...'>: the C name of what is pointed to. */
  private pointee(declared: CType, target: CType): string {
    if (target.kind === 'function') return declared.kind === 'base' ? declared.name : 'function';
    const to = this.resolve(target);
    if (to.kind === 'pointer') return `${this.pointee(target, to.to)}*`;
    if (to.kind === 'array') return declared.kind === 'base' ? declared.name : 'array';
    if (to.kind === 'function') return 'function';
    return to.kind === 'base' ? to.name : 'aggregate';
  }
}

/** Gives the structs and unions that are declared inside another one names of their own, as `outer__field`. */
export function nameNestedAggregates(structs: Map<string, CAggregate>): void {
  for (const [owner, aggregate] of structs) {
    aggregate.fields = aggregate.fields.map((field): CParameter => {
      if (field.type.kind !== 'aggregate') return field;
      const name = field.name === '' ? 'anonymous' : field.name;
      structs.set(`${owner}__${name}`, field.type.aggregate);
      return { name, type: { kind: 'base', name: `${owner}__${name}`, const: false } };
    });
  }
}
