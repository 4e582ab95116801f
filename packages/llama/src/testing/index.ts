export { type TinyBertOptions, writeTinyBert } from './tiny-bert.ts';
export { type TinyModelOptions, writeTinyAdapter, writeTinyModel } from './tiny-model.ts';
export { smallestVocabulary } from './tiny-vocabulary.ts';
