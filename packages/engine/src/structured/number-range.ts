import { charSet } from '../gbnf/char-ranges.ts';
import { chars, choice, empty, never, optional, repeat, sequence, text, type Expression } from '../gbnf/grammar.ts';
import { exactDigits } from './json-text.ts';
import { Unenforceable } from './unenforceable.ts';

export type NumberBounds = { minimum?: number; maximum?: number; exclusiveMinimum?: number; exclusiveMaximum?: number };

/** Digits of integers that go beyond what doubles hold exactly; larger bounds make no sense in JSON. */
const maxIntegerDigits = 21;

/** Digits after the point, where the size of the bounds leaves room for so many. */
const maxFraction = 10;

/** Integers within bounds. Where there is no bound, they have at most 15 digits, which doubles hold exactly. */
export function integerRange(bounds: NumberBounds): Expression {
  const [low, high] = scaledBounds(bounds, 0, maxIntegerDigits);
  return signed(low, high, (from, to) => digitRange(String(from), String(to)));
}

/**
 * Decimal numbers within bounds, without exponent. They have at most 15 digits, so that none is rounded to another one, and
 * not out of its bounds.
 */
export function numberRange(bounds: NumberBounds): Expression {
  const given = Object.values(bounds).filter((bound) => Math.abs(bound) < 10 ** exactDigits);
  const whole = Math.max(1, ...given.map((bound) => String(Math.trunc(Math.abs(bound))).length));
  const open =
    (bounds.minimum ?? bounds.exclusiveMinimum) === undefined ||
    (bounds.maximum ?? bounds.exclusiveMaximum) === undefined;
  // A side without bound gets more digits before the point.
  const before = open ? Math.max(whole, exactDigits - maxFraction) + 1 : whole;
  const fraction = Math.max(0, Math.min(maxFraction, exactDigits - before));
  const [low, high] = scaledBounds(bounds, fraction, Math.min(before, exactDigits));
  return signed(low, high, (from, to) => decimalRange(from, to, fraction));
}

/** Bounds times 10^fraction as whole numbers, inside of the given ones; without bound, up to `digits` before the point. */
function scaledBounds(bounds: NumberBounds, fraction: number, digits: number): [low: bigint, high: bigint] {
  const open = 10n ** BigInt(Math.min(digits, exactDigits) + fraction) - 1n;
  const most = 10n ** BigInt(digits + fraction) - 1n;
  const lows = [
    ...(bounds.minimum === undefined ? [] : [scaled(bounds.minimum, fraction).up]),
    ...(bounds.exclusiveMinimum === undefined ? [] : [scaled(bounds.exclusiveMinimum, fraction).down + 1n]),
  ];
  const highs = [
    ...(bounds.maximum === undefined ? [] : [scaled(bounds.maximum, fraction).down]),
    ...(bounds.exclusiveMaximum === undefined ? [] : [scaled(bounds.exclusiveMaximum, fraction).up - 1n]),
  ];
  let low = lows.reduce((a, b) => (a > b ? a : b), lows.length > 0 ? lows[0]! : -open);
  let high = highs.reduce((a, b) => (a < b ? a : b), highs.length > 0 ? highs[0]! : open);
  if (lows.length === 0 && high < low) low = -most;
  if (highs.length === 0 && high < low) high = most;
  if (low < -most) low = -most;
  if (high > most) high = most;
  return [low, high];
}

/** A double times 10^fraction, as its shortest decimal form says, rounded down and up. */
function scaled(value: number, fraction: number): { down: bigint; up: bigint } {
  const [, sign, whole, digits = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value)) ?? [];
  if (whole === undefined) throw new Unenforceable('it is no number');
  const shift = Number(exponent) - digits.length + fraction;
  const number = BigInt(`${sign}${whole}${digits}`);
  if (shift >= 0) return { down: number * 10n ** BigInt(shift), up: number * 10n ** BigInt(shift) };
  const divisor = 10n ** BigInt(-shift);
  const quotient = number / divisor;
  if (quotient * divisor === number) return { down: quotient, up: quotient };
  return number < 0n ? { down: quotient - 1n, up: quotient } : { down: quotient, up: quotient + 1n };
}

function signed(low: bigint, high: bigint, range: (from: bigint, to: bigint) => Expression): Expression {
  if (low > high) return never;
  const options: Expression[] = [];
  if (high >= 0n) options.push(range(low > 0n ? low : 0n, high));
  if (low < 0n) options.push(sequence(text('-'), range(high < 0n ? -high : 1n, -low)));
  return choice(...options);
}

const anyDigit = charSet([[0x30, 0x39]]);
const anyDigits = (count: number): Expression => repeat(chars(anyDigit), count, count);

function digitsFrom(from: number, to: number): Expression {
  return chars(charSet([[0x30 + from, 0x30 + to]]));
}

/** Whole numbers from one to the other, without leading zeros. */
function digitRange(from: string, to: string): Expression {
  if (from.length === to.length) return sameLength(from, to);
  const options = [sameLength(from, '9'.repeat(from.length))];
  if (to.length - from.length > 1) {
    options.push(sequence(digitsFrom(1, 9), repeat(chars(anyDigit), from.length, to.length - 2)));
  }
  options.push(sameLength(`1${'0'.repeat(to.length - 1)}`, to));
  return choice(...options);
}

/** Digit strings of one length between two of them. */
function sameLength(from: string, to: string): Expression {
  const rest = from.length - 1;
  if (rest < 0) return empty;
  if (/^0*$/.test(from) && /^9*$/.test(to)) return anyDigits(from.length);
  const [first, last] = [Number(from[0]), Number(to[0])];
  if (first === last) return sequence(text(from[0]!), sameLength(from.slice(1), to.slice(1)));
  const wholeFirst = /^0*$/.test(from.slice(1));
  const wholeLast = /^9*$/.test(to.slice(1));
  const options: Expression[] = [];
  if (!wholeFirst) options.push(sequence(text(from[0]!), sameLength(from.slice(1), '9'.repeat(rest))));
  const [middleFirst, middleLast] = [wholeFirst ? first : first + 1, wholeLast ? last : last - 1];
  if (middleFirst <= middleLast) options.push(sequence(digitsFrom(middleFirst, middleLast), anyDigits(rest)));
  if (!wholeLast) options.push(sequence(text(to[0]!), sameLength('0'.repeat(rest), to.slice(1))));
  return choice(...options);
}

/** Decimal numbers from one to the other, both times 10^fraction; digits after the point may end early. */
function decimalRange(from: bigint, to: bigint, fraction: number): Expression {
  if (fraction === 0) return digitRange(String(from), String(to));
  const unit = 10n ** BigInt(fraction);
  const split = (value: bigint): [bigint, string] => [value / unit, String(value % unit).padStart(fraction, '0')];
  const [[fromWhole, fromRest], [toWhole, toRest]] = [split(from), split(to)];
  const nines = '9'.repeat(fraction);
  if (fromWhole === toWhole) return sequence(text(String(fromWhole)), fractionRange(fromRest, toRest));
  const options = [sequence(text(String(fromWhole)), fractionRange(fromRest, nines))];
  if (toWhole - fromWhole > 1n) {
    const between = digitRange(String(fromWhole + 1n), String(toWhole - 1n));
    options.push(sequence(between, fractionRange('0'.repeat(fraction), nines)));
  }
  options.push(sequence(text(String(toWhole)), fractionRange('0'.repeat(fraction), toRest)));
  return choice(...options);
}

/** A point and digits, or nothing, such that the digits, filled up with zeros, lie between two others. */
function fractionRange(from: string, to: string): Expression {
  const some = sequence(text('.'), paddedRange(from, to, true));
  return /^0*$/.test(from) ? optional(some) : some;
}

/** At least one digit where `first` is set. */
function paddedRange(from: string, to: string, first: boolean): Expression {
  if (from.length === 0) return empty;
  const mayEnd = !first && /^0*$/.test(from);
  if (/^0*$/.test(from) && /^9*$/.test(to)) return repeat(chars(anyDigit), first ? 1 : 0, from.length);
  const [low, high] = [Number(from[0]), Number(to[0])];
  const [restFrom, restTo] = [from.slice(1), to.slice(1)];
  const [zeros, nines] = ['0'.repeat(restFrom.length), '9'.repeat(restFrom.length)];
  const options: Expression[] = [];
  if (low === high) options.push(sequence(text(from[0]!), paddedRange(restFrom, restTo, false)));
  else {
    options.push(sequence(text(from[0]!), paddedRange(restFrom, nines, false)));
    if (high - low > 1) options.push(sequence(digitsFrom(low + 1, high - 1), paddedRange(zeros, nines, false)));
    options.push(sequence(text(to[0]!), paddedRange(zeros, restTo, false)));
  }
  if (mayEnd) options.push(empty);
  return choice(...options);
}
