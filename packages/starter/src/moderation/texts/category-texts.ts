/**
 * Templates of one category. `[a|b]` is a choice, `{name}` a value of ../slots.ts. `shown` falls into the category,
 * `counterparts` are harmless texts with the same words, so that a word alone does not decide.
 * All of them are mild on purpose: they name what is wanted or done and never describe it.
 */
export type CategoryTexts = { readonly shown: readonly string[]; readonly counterparts: readonly string[] };
