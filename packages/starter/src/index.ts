export { architectures, type Architecture, type ArchitectureName } from './architecture.ts';
export { Random } from './corpus/random.ts';
export { writeCorpus } from './corpus/write.ts';
export { writeInitialModel } from './initial-model.ts';
export { committedTokenizer } from './tokenizer/committed-tokenizer.ts';
export { modelsDirectory, starterModelPath } from './model-files.ts';
export { Tokenizer } from './tokenizer/tokenizer.ts';
