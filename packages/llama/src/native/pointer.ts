declare const pointee: unique symbol;

/**
 * The address of native memory. `T` is the C name of what lies there: `Pointer<'ggml_tensor'>`, `Pointer<'float'>`,
 * `Pointer<'ggml_tensor*'>` for an array of pointers. It exists for the type checker only; at run time it is a bigint,
 * and NULL is `null`.
 */
export type Pointer<T extends string = string> = bigint & { readonly [pointee]: T };

/** A pointer moved by a number of bytes, for reaching into arrays. */
export function offsetPointer<T extends string>(pointer: Pointer<T>, bytes: number | bigint): Pointer<T> {
  return (pointer + BigInt(bytes)) as Pointer<T>;
}
