export { type TinyModelOptions, writeTinyAdapter, writeTinyModel } from './tiny-model.ts';
export { smallestVocabulary } from './tiny-vocabulary.ts';
