/** Tokens in the starter models' vocabulary. Small, because the output head costs as much as a layer or two. */
export const vocabularySize = 4096;
