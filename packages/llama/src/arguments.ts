import { AtelierError } from '@atelier/errors';

/** Checks of numbers before native code gets them, where a wrong one aborts the process or is cut to 32 bits. */

export const maxInt32 = 2 ** 31 - 1;
export const maxUint32 = 2 ** 32 - 1;

export function checkInteger(name: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw invalid(`${name} is ${value}, not an integer from ${least} to ${most}`);
  }
  return value;
}

export function checkNumber(name: string, value: number, least: number, most: number): number {
  if (!(value >= least && value <= most)) throw invalid(`${name} is ${value}, not a number from ${least} to ${most}`);
  return value;
}

export function invalid(reason: string): AtelierError {
  return new AtelierError('invalid_request', { reason });
}
