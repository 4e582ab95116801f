/**
 * The bounds of the engine that no option changes. Sizes are in bytes unless the name says otherwise.
 */

/** One message to a runner: a prompt of hundreds of thousands of tokens. A larger one would hold up everybody's generation. */
export const maxCommandBytes = 4 << 20;

/** Token ids in one prompt; as many as fit in a message. */
export const maxPromptTokens = 1 << 19;

/** One message from a runner: the text that one step gives to all sequences. */
export const maxReportBytes = 1 << 20;

/** Text generated but not yet taken by its consumer; beyond it the generation is cancelled. */
export const maxBufferedBytes = 1 << 20;

export const maxStopStrings = 16;
export const maxStopStringLength = 1024;

/** Texts after one prompt, as in OpenAI's API. */
export const maxChoices = 128;

/** Alternatives of each token, as in OpenAI's API. */
export const maxAlternatives = 20;

/** Biases of one request; OpenAI's API allows 300. */
export const maxLogitBiases = 1024;

/** Characters of a grammar; those of large JSON schemas have tens of thousands. */
export const maxGrammarLength = 1 << 18;

/** Compiled grammars that a runner keeps. */
export const maxCachedGrammars = 64;

/** Inputs of one request for vectors or scores. */
export const maxEncodedInputs = 16_384;

/** Vectors that one request gives, all together: they are held in memory until the last is there. */
export const maxVectorBytes = 256 << 20;

/** Tokens of one sequence that is embedded or judged as a whole; an encoder computes them at once. */
export const maxEncodeTokens = 8192;

/** A day; timers take no more than 24 of them. */
export const maxTimeoutMs = 86_400_000;

/** Token ids in one answer about a text, so that it fits in a report. */
export const maxReportedTokens = 100_000;

/** Crashes of a model's process (in a row while loading, or by a fault of native code within the window) before it is left alone. */
export const crashesToQuarantine = 2;
export const crashWindowMs = 60_000;

/** How long a runner that was asked to leave may take before it is killed. */
export const runnerExitMs = 2_000;

/** Lines of a runner's log longer than this are cut. */
export const maxLogLineLength = 2_000;

/** Sequences in one llama.cpp context (LLAMA_MAX_SEQ). */
export const maxSequences = 256;
