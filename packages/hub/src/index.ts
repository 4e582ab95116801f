export { parseReference, type Reference } from './reference.ts';
export { pullModel, type PullOptions, type PullProgress } from './pull-model.ts';
