export { pullModel, type PullOptions, type PullProgress } from './pull-model.ts';
