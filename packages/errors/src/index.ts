export { AtelierError, isAtelierError, type ErrorDetails } from './atelier-error.ts';
export { catalogue, type ErrorCode } from './catalogue.ts';
