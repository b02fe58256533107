// What a worker takes from its page: calls of the functions that it offers, as comlink writes them. Promises that any other message is passed over
// without a trace: it calls nothing, sets nothing, reaches no prototype, and throws nothing that would end the worker.
import type { Endpoint } from 'comlink';
import { isObject } from '../formats/json.ts';

/** The worker's end of the wire, hearing calls of `offered` alone. */
export function callsOnly(endpoint: Endpoint, offered: object): Endpoint {
  return {
    postMessage: (message, transfer) => endpoint.postMessage(message, transfer ?? []),
    addEventListener: (type, listener, options) =>
      endpoint.addEventListener(
        type,
        (event) => {
          if (!isCall((event as MessageEvent).data, offered)) return;
          if (typeof listener === 'function') listener(event);
          else listener.handleEvent(event);
        },
        options,
      ),
    // comlink stops listening when it is released, which is no call
    removeEventListener: () => undefined,
    ...(endpoint.start ? { start: () => endpoint.start?.() } : {}),
  };
}

/** A call of an offered function, or the question for a property that nothing offers: the heartbeat. */
function isCall(data: unknown, offered: object): boolean {
  if (!isObject(data) || typeof data.id !== 'string' || !Array.isArray(data.path) || data.path.length !== 1) return false;
  const [name] = data.path as unknown[];
  if (typeof name !== 'string') return false;
  if (data.type === 'GET') return data.argumentList === undefined && !(name in offered);
  if (data.type !== 'APPLY' || !Object.hasOwn(offered, name)) return false;
  return Array.isArray(data.argumentList) && data.argumentList.every(isArgument);
}

function isArgument(argument: unknown): boolean {
  if (!isObject(argument)) return false;
  return argument.type === 'RAW' || (argument.type === 'HANDLER' && argument.name === 'proxy' && argument.value instanceof MessagePort);
}
