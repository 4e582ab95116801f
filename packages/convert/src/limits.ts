/** What files of a model folder may hold. Real ones stay far below; hostile ones must not make a reader allocate without bound. */

/** The format's own limit for the header of a safetensors file. */
export const maxSafetensorsHeaderBytes = 100_000_000;
/** Large mixture models have some tens of thousands. */
export const maxTensors = 262_144;
export const maxTensorNameBytes = 512;
export const maxDimensions = 8;
/** The largest models are published in a few hundred files. */
export const maxShards = 4096;
/** tokenizer.json of the largest vocabularies takes about 35 MB. */
export const maxTokenizerBytes = 128 * 2 ** 20;
/** config.json and its like are a few kB; an index of shards names every tensor. */
export const maxJsonBytes = 32 * 2 ** 20;
/** Files of models are nested a handful of levels; pipelines of tokenizers are walked recursively. */
export const maxJsonDepth = 64;
/** Rows are worked on in pieces of about this many bytes of 32-bit floats, so that memory does not grow with the model. */
export const chunkBytes = 4 * 2 ** 20;
