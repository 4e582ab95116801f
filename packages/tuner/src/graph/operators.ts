import type { CFunctions, Native, Pointer } from '@atelier/llama';

export type Tensor = Pointer<'ggml_tensor'>;
export type Context = Pointer<'ggml_context'>;
export type Graph = Pointer<'ggml_cgraph'>;

/**
 * ggml's functions as this package calls them. The C declarations cannot say so, but those that make tensors and graphs
 * never return NULL: they abort the process. The few that can fail are checked where they are called.
 */
export type Operators = {
  readonly [Name in keyof CFunctions]: (
    ...parameters: Parameters<CFunctions[Name]>
  ) => NonNullable<ReturnType<CFunctions[Name]>>;
};

export function operators(native: Native): Operators {
  return native.c as Operators;
}
