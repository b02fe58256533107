// The page of a headless run: starts the lab's worker as the real page does and hands its events to whoever drives the browser, by the
// functions it puts on `window`. Draws nothing.
import type { RunEvent } from '../run/events.ts';
import type { Recipe } from '../run/recipe.ts';
import { connectLab } from '../worker/client.ts';

declare global {
  interface Window {
    /** Given by the driver: takes events in order. */
    takeEvents(events: RunEvent[]): Promise<void>;
    /** Runs a recipe to its end. */
    runLab(recipe: Recipe): Promise<void>;
    /** Packs the run that has ended; returns the bundle's size in bytes. */
    packBundle(): Promise<number>;
    /** Bytes [from, to) of the packed bundle, base64. */
    readBundle(from: number, to: number): string;
  }
}

const { api } = connectLab();
let bundle = new Uint8Array(0);

/** Events travel on a port of their own and may arrive after the call that they belong to has ended. */
const LAST_EVENTS_MS = 5000;

window.runLab = async (recipe) => {
  let delivered = Promise.resolve();
  let sawEnd: () => void = () => undefined;
  const end = new Promise<void>((resolve) => {
    sawEnd = resolve;
  });
  await api.run(recipe, (events) => {
    delivered = delivered.then(() => window.takeEvents(events));
    if (events.some((event) => event.type === 'end')) sawEnd();
  });
  await Promise.race([end, new Promise((resolve) => setTimeout(resolve, LAST_EVENTS_MS))]);
  await delivered;
};

window.packBundle = async () => {
  bundle = new Uint8Array(await api.exportBundle());
  return bundle.length;
};

window.readBundle = (from, to) => {
  let binary = '';
  for (let at = from; at < Math.min(to, bundle.length); at += 8192) {
    binary += String.fromCharCode(...bundle.subarray(at, Math.min(at + 8192, to)));
  }
  return btoa(binary);
};
