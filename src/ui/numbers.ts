// How numbers are written on the page: few digits, the same everywhere, a dash where there is none. And adapters by their name.
import type { AdapterReport } from '../app/runLog.ts';

export const NONE = '–';

export function decimal(value: number | null | undefined, digits = 3): string {
  if (value === null || value === undefined) return NONE;
  if (!Number.isFinite(value)) return 'NaN';
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < 0.001 || magnitude >= 1e6)) return value.toExponential(1).replace('-', '−');
  return value.toFixed(magnitude >= 100 ? 0 : magnitude >= 10 ? 1 : digits).replace('-', '−');
}

/** As `decimal`, with whole numbers whole and what would round to nothing as 0. */
export function plain(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return decimal(value);
  if (Math.abs(value) < 0.0005) return '0';
  return Number.isInteger(value) && Math.abs(value) < 1e6 ? String(value).replace('-', '−') : decimal(value);
}

export function signed(value: number, digits = 2): string {
  if (Math.abs(value) < 0.5 * 10 ** -digits) return (0).toFixed(digits);
  return value >= 0 ? `+${value.toFixed(digits)}` : `−${Math.abs(value).toFixed(digits)}`;
}

export function count(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toFixed(1)} B`;
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)} M`;
  if (value >= 1e4) return `${(value / 1e3).toFixed(0)} k`;
  return value.toLocaleString('en-GB');
}

export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB'];
  let at = 0;
  let scaled = value;
  while (scaled >= 1000 && at < units.length - 1) {
    scaled /= 1000;
    at++;
  }
  return `${at === 0 || scaled >= 100 ? Math.round(scaled) : scaled.toFixed(1)} ${units[at]}`;
}

/** Of a fraction; small ones keep two digits that count. */
export function percent(fraction: number | null | undefined): string {
  if (fraction === null || fraction === undefined || !Number.isFinite(fraction)) return NONE;
  const value = 100 * fraction;
  return `${value === 0 ? '0' : value < 0.01 ? value.toExponential(1).replace('-', '−') : value < 10 ? value.toPrecision(2) : Math.round(value)} %`;
}

export function duration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 1) return `${Math.round(ms)} ms`;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Time left, coarse: a promise to the second would be a lie. */
export function timeLeft(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 10) return 'a few seconds left';
  if (seconds < 55) return `about ${Math.ceil(seconds / 10) * 10} s left`;
  if (seconds < 3600) return `about ${Math.round(seconds / 60) || 1} min left`;
  return `about ${(seconds / 3600).toFixed(1)} h left`;
}

export function adapterName({ vendor, architecture, description, software }: AdapterReport): string {
  const name = description || [vendor, architecture].filter(Boolean).join(' ') || 'unnamed';
  return software ? `${name} (software)` : name;
}
