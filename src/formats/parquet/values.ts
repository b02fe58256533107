// Values of Parquet as values of JSON, plain or exact (formats/exactJson.ts). Text is text; numbers are numbers, of any length where they are exact; dates and
// times are ISO 8601 text, with a Z where the column says UTC; UUIDs are text; other bytes are text where they are UTF-8 (older writers do not mark text)
// and base64 where they are not.
// Refuses (RangeError) text that is not UTF-8 and decimals of more than MAX_DECIMAL_BYTES.
import { JsonNumber } from '../exactJson.ts';
import { float16Bits } from '../halves.ts';
import type { Raw } from './encodings.ts';
import type { Leaf } from './schema.ts';

const MAX_DECIMAL_BYTES = 32;
const DAY_S = 86_400;
/** The Julian day of 1970-01-01, from which INT96 counts. */
const EPOCH_DAY = 2_440_588n;
const NANOS = 1_000_000_000;

export type Convert = (value: Raw) => unknown;

/** How the values of a column are turned into JSON's. */
export function converterOf({ physical, meaning }: Leaf, exact: boolean): Convert {
  const whole = exact ? (value: Raw) => new JsonNumber(String(value)) : Number;
  const real = exact ? (value: Raw) => new JsonNumber(pythonFloat(value as number)) : (value: Raw) => value;
  const text = textReader();
  switch (physical) {
    case 'BOOLEAN':
      return (value) => value;
    case 'FLOAT':
    case 'DOUBLE':
      return real;
    case 'INT96':
      return (value) => {
        const [day, nanos] = [((value as bigint) >> 64n) - EPOCH_DAY, (value as bigint) & 0xffff_ffff_ffff_ffffn];
        return showTimestamp(day * BigInt(DAY_S * NANOS) + nanos, NANOS, false);
      };
    case 'INT32':
    case 'INT64':
      switch (meaning.is) {
        case 'unsigned':
          return physical === 'INT32' ? (value) => whole((value as number) >>> 0) : (value) => whole(BigInt.asUintN(64, value as bigint));
        case 'decimal':
          return decimal(meaning.scale, exact, (value) => BigInt(value as number | bigint));
        case 'date':
          return (value) => showDate(Number(value));
        case 'time':
          return (value) => showTime(BigInt(value as number | bigint), meaning.perSecond, meaning.utc);
        case 'timestamp':
          return (value) => showTimestamp(BigInt(value as number | bigint), meaning.perSecond, meaning.utc);
        default:
          return whole;
      }
    default:
      switch (meaning.is) {
        case 'text':
          return (value) => text(value as Uint8Array);
        case 'decimal':
          return decimal(meaning.scale, exact, (value) => signedOf(value as Uint8Array));
        case 'uuid':
          return (value) => showUuid(value as Uint8Array);
        case 'float16':
          return (value) => real(halfOf(value as Uint8Array));
        default:
          return (value) => {
            try {
              return text(value as Uint8Array);
            } catch {
              return base64(value as Uint8Array);
            }
          };
      }
  }
}

function textReader(): (bytes: Uint8Array) => string {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  return (bytes) => {
    try {
      return decoder.decode(bytes);
    } catch {
      throw new RangeError('text that is not UTF-8');
    }
  };
}

/** As Python's repr tells it apart from a whole number. */
function pythonFloat(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const text = Object.is(value, -0) ? '-0' : String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

function halfOf(bytes: Uint8Array): number {
  const bits = float16Bits((bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8));
  return new Float32Array(Int32Array.of(bits).buffer)[0]!;
}

/** Big-endian, two's complement. */
function signedOf(bytes: Uint8Array): bigint {
  if (bytes.length > MAX_DECIMAL_BYTES) throw new RangeError(`a decimal of ${bytes.length} bytes`);
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return BigInt.asIntN(8 * bytes.length, value);
}

function decimal(scale: number, exact: boolean, unscaled: (value: Raw) => bigint): Convert {
  return (raw) => {
    const value = unscaled(raw);
    const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0');
    const at = digits.length - scale;
    const text = `${value < 0n ? '-' : ''}${digits.slice(0, at)}${scale > 0 ? `.${digits.slice(at)}` : ''}`;
    return exact ? new JsonNumber(text) : Number(text);
  };
}

/** Days from 1970 on; days beyond the calendar of dates stay a number. */
function showDate(days: number): string {
  const date = new Date(days * DAY_S * 1000);
  return Number.isNaN(date.getTime()) ? String(days) : date.toISOString().replace(/T.*/, '');
}

function showTimestamp(count: bigint, perSecond: number, utc: boolean): string {
  const [seconds, rest] = divide(count, perSecond);
  const date = new Date(Number(seconds) * 1000);
  if (Number.isNaN(date.getTime())) return String(count);
  return `${date.toISOString().replace(/\.000Z$/, '')}${fraction(rest, perSecond)}${utc ? 'Z' : ''}`;
}

function showTime(count: bigint, perSecond: number, utc: boolean): string {
  const [seconds, rest] = divide(count, perSecond);
  if (seconds < 0n || seconds >= DAY_S) return String(count);
  return `${new Date(Number(seconds) * 1000).toISOString().slice(11, 19)}${fraction(rest, perSecond)}${utc ? 'Z' : ''}`;
}

/** Rounded down, so that the rest is never negative. */
function divide(count: bigint, by: number): [bigint, bigint] {
  const divisor = BigInt(by);
  const rest = ((count % divisor) + divisor) % divisor;
  return [(count - rest) / divisor, rest];
}

function fraction(rest: bigint, perSecond: number): string {
  return rest === 0n ? '' : `.${String(rest).padStart(String(perSecond).length - 1, '0')}`;
}

function showUuid(bytes: Uint8Array): string {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

function base64(bytes: Uint8Array): string {
  let binary = '';
  for (let at = 0; at < bytes.length; at += 8192) binary += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(binary);
}
