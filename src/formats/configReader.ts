// Values of one config.json object by key, checked, with the defaults of its family for missing keys. Faults are collected, not thrown, so that all of
// them can be named at once; what is read in spite of a fault is NaN or the nearest harmless value.
import { quote } from './formatError.ts';
import { isObject } from './json.ts';

export type Settings = Readonly<Record<string, unknown>>;

export class ConfigReader {
  readonly raw: Settings;
  readonly faults: string[];
  private readonly defaults: Settings;
  private readonly path: string;

  /** @param path put before a key in messages, e.g. "rope_scaling." */
  constructor(raw: Settings, defaults: Settings, faults: string[], path = '') {
    this.raw = raw;
    this.defaults = defaults;
    this.faults = faults;
    this.path = path;
  }

  /** As the file has it, else the family's default. */
  value(key: string): unknown {
    return this.raw[key] === undefined ? this.defaults[key] : this.raw[key];
  }

  /** Neither missing nor null in the file and not null by default. */
  has(key: string): boolean {
    return this.value(key) !== undefined && this.value(key) !== null;
  }

  fault(what: string): void {
    this.faults.push(what);
  }

  /** An integer; null counts as missing. NaN with a fault noted. */
  integer(key: string, limit: number, least = 1): number {
    const value = this.raw[key] ?? this.defaults[key];
    // A default that follows from a value which is at fault already.
    if (Number.isNaN(value)) return Number.NaN;
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= limit) return value;
    if (value === undefined || value === null) this.fault(`${this.path}${key} is missing`);
    else this.fault(`${this.path}${key} ${show(value)} is not an integer from ${least} to ${limit}`);
    return Number.NaN;
  }

  /** A number; null counts as missing. NaN with a fault noted. */
  real(key: string, lo: number, hi: number): number {
    const value = this.raw[key] ?? this.defaults[key];
    if (typeof value === 'number' && value >= lo && value <= hi) return value;
    if (value === undefined || value === null) this.fault(`${this.path}${key} is missing`);
    else this.fault(`${this.path}${key} ${show(value)} is not a number from ${lo} to ${hi}`);
    return Number.NaN;
  }

  flag(key: string): boolean {
    const value = this.raw[key] ?? this.defaults[key] ?? false;
    if (typeof value === 'boolean') return value;
    this.fault(`${this.path}${key} ${show(value)} is not true or false`);
    return false;
  }

  /** One of the keys of `choices`. */
  choice<T>(key: string, choices: Readonly<Record<string, T>>): T {
    const value = this.raw[key] ?? this.defaults[key];
    const found = Object.entries(choices).find(([name]) => name === value);
    if (found) return found[1];
    const names = Object.keys(choices).map((name) => quote(name));
    this.fault(`${this.path}${key} ${show(value)} is not supported; ${names.join(', ')} are`);
    return Object.values(choices)[0] as T;
  }

  /** A list of `length` elements; null when there is none, with a fault noted when it is something else. */
  list(key: string, length: number): unknown[] | null {
    const value = this.value(key);
    if (value === undefined || value === null) return null;
    if (Array.isArray(value) && (value.length === length || Number.isNaN(length))) return value;
    const found = Array.isArray(value) ? `has ${value.length} elements` : `${show(value)} is no array`;
    this.fault(`${this.path}${key} ${found}; ${length} are needed, one per layer`);
    return null;
  }

  object(key: string): Settings | null {
    const value = this.value(key);
    if (value === undefined || value === null) return null;
    if (isObject(value)) return value;
    this.fault(`${this.path}${key} ${show(value)} is no object`);
    return null;
  }

  /** Faults a switch that is on: anything but null, false, 0 and what is empty. */
  refuse(key: string, advice = ''): void {
    const value = this.raw[key];
    const isEmpty = typeof value === 'object' && value !== null && Object.keys(value).length === 0;
    if (value === undefined || value === null || value === false || value === 0 || isEmpty) return;
    this.fault(`${this.path}${key} ${show(value)} is not supported${advice}`);
  }

  /** A token id, or null. The family's default beyond a smaller vocabulary is none: transformers writes it when nothing was chosen. */
  tokenId(key: string, vocabulary: number): number | null {
    return this.id(this.value(key), key, vocabulary);
  }

  tokenIds(key: string, vocabulary: number): number[] {
    const value = this.value(key);
    const values = Array.isArray(value) ? value.slice(0, 64) : [value];
    return values.map((each) => this.id(each, key, vocabulary)).filter((id) => id !== null);
  }

  private id(value: unknown, key: string, vocabulary: number): number | null {
    if (value === undefined || value === null) return null;
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && !(value >= vocabulary)) return value;
    if (value !== this.defaults[key]) this.fault(`${this.path}${key} ${show(value)} is not a token id below vocab_size`);
    return null;
  }
}

/** A foreign value for a message. */
export function show(value: unknown): string {
  if (typeof value === 'string') return quote(value, 40);
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  return String(value);
}
