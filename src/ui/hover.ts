// Where the pointer is in whichever chart it is in, so that every chart of the same axis points at the same x.
import { useSyncExternalStore } from 'react';

export interface Hover {
  axis: string;
  /** The chart that the pointer is in. */
  chart: object;
  x: number;
  y: number;
}

let now: Hover | null = null;
const listeners = new Set<() => void>();

export function setHover(next: Hover | null): void {
  if (next === null && now === null) return;
  now = next;
  for (const listener of listeners) listener();
}

export function onHover(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

export function hoverOf(axis: string): Hover | null {
  return now?.axis === axis ? now : null;
}

export function useHover(axis: string): Hover | null {
  return useSyncExternalStore(onHover, () => hoverOf(axis));
}
