// What the page's policy refuses to its workers, and the sandbox's own policy to the sandbox. The browser tells the scope that asked and nobody else, so each
// worker tells the page, over a channel named as the worker is, and the sandbox by messages of its frame (verify/sandboxNews.ts).
// Promises nothing of workers that a program of the sandbox might start: there are none but by a flaw of the browser, and they would not be heard.
import { hearSandbox, onRefused, type Refusal, type SandboxNews } from '../verify/sandboxNews.ts';

export type { Refusal };

/** A refusal, or the end of a program that tried to leave the sandbox. */
export type Told = ({ to: 'worker' } & { refused: Refusal }) | ({ to: 'sandbox' } & SandboxNews);

const listeners = new Set<(told: Told) => void>();

function tell(told: Told): void {
  for (const listener of listeners) listener(told);
}

/** In the worker, once, at its start. */
export function tellRefusals(name: string): void {
  const channel = new BroadcastChannel(name);
  onRefused((refusal) => channel.postMessage(refusal));
}

/** On the page, before a worker of this name starts. No two workers may have one name. */
export function hearRefusals(name: string): void {
  new BroadcastChannel(name).onmessage = ({ data }: MessageEvent<Refusal>) => tell({ to: 'worker', refused: data });
}

/** On the page, once: whatever frame of the sandbox is opened. */
export function hearSandboxFrames(): void {
  const isOurs = (source: MessageEvent['source']): boolean =>
    [...document.querySelectorAll('iframe')].some((frame) => frame.contentWindow === source);
  addEventListener(
    'message',
    hearSandbox(isOurs, (news) => tell({ to: 'sandbox', ...news })),
  );
}

export function onRefusal(listener: (told: Told) => void): void {
  listeners.add(listener);
}
