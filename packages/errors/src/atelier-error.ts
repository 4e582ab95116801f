import { catalogue, type ErrorCode } from './catalogue.ts';

const marker = Symbol.for('atelier.error');

export type ErrorDetails = Readonly<Record<string, string | number | boolean>>;

/** An error of the catalogue. `message` is the template of its code with `details` filled in. */
export class AtelierError extends Error {
  readonly [marker] = true;
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, details: ErrorDetails = {}, cause?: unknown) {
    super(
      catalogue[code].message.replace(/\{(\w+)\}/g, (whole, name: string) => String(details[name] ?? whole)),
      cause === undefined ? undefined : { cause },
    );
    this.name = 'AtelierError';
    this.code = code;
    this.details = details;
  }

  get status(): number {
    return catalogue[this.code].status;
  }

  get retryable(): boolean {
    return catalogue[this.code].retryable;
  }

  /** A plain object that survives JSON over IPC; `fromJSON` is its inverse. */
  toJSON(): { code: ErrorCode; details: ErrorDetails } {
    return { code: this.code, details: this.details };
  }

  static fromJSON(json: { code: string; details: ErrorDetails }): AtelierError {
    return new AtelierError(Object.hasOwn(catalogue, json.code) ? (json.code as ErrorCode) : 'internal', json.details);
  }
}

/** True for errors of the catalogue, also when another copy of this package made them. */
export function isAtelierError(value: unknown): value is AtelierError {
  return typeof value === 'object' && value !== null && marker in value;
}
