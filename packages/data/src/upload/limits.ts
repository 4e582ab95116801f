/** What an uploaded data set may be. Each limit is far beyond honest use; past it, memory or time would grow without end. */

/** One row. About a million tokens, more than any model here holds. */
export const maxRowBytes = 4 << 20;

/** Rows of one file: ten million, what published fine-tuning services stop at. */
export const maxRows = 10_000_000;

/** Objects and lists within each other; a tool's JSON schema is the deepest thing a row holds. */
export const maxDepth = 32;

/** Messages of one conversation: rendering it costs time with their number squared. */
export const maxMessages = 1000;

/** Functions that one conversation offers. */
export const maxTools = 256;

/** Targets of one row, and labels of one target: what a classifier is trained for at most. */
export const maxTargets = 64;
export const maxLabels = 4096;
