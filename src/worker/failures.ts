// Rejections in a worker that nothing there waits for. The browser tells the worker's own scope of them and nobody else, so each worker tells the page, over a
// channel named as the worker is. (An error that is thrown reaches whoever started the worker.) Refuses nothing.

const listeners = new Set<(message: string) => void>();
const channelOf = (name: string): BroadcastChannel => new BroadcastChannel(`${name} failures`);

/** In the worker, once, at its start. */
export function tellFailures(name: string): void {
  const channel = channelOf(name);
  addEventListener('unhandledrejection', ({ reason }) => channel.postMessage(reason instanceof Error ? reason.message : String(reason)));
}

/** On the page, before a worker of this name starts. No two workers may have one name. */
export function hearFailures(name: string): void {
  channelOf(name).onmessage = ({ data }: MessageEvent<string>) => {
    for (const listener of listeners) listener(data);
  };
}

export function onFailure(listener: (message: string) => void): void {
  listeners.add(listener);
}
