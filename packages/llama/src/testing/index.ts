export { bundledFile, realVocabulary } from './bundled-source.ts';
export { type TinyBertOptions, writeTinyBert } from './tiny-bert.ts';
export { type TinyModelOptions, writeTinyAdapter, writeTinyModel } from './tiny-model.ts';
export { tinyFamilies } from './tiny-families.ts';
export { smallestVocabulary } from './tiny-vocabulary.ts';
