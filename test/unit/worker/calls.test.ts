// R27: a worker takes calls of what it offers and passes over any other message.
import * as Comlink from 'comlink';
import fc from 'fast-check';
import { afterEach, expect, it } from 'vitest';
import { callsOnly } from '../../../src/worker/calls.ts';

let close: () => void = () => undefined;
afterEach(() => close());

function connect() {
  const called: unknown[][] = [];
  const api = {
    add(a: number, b: number) {
      called.push([a, b]);
      return a + b;
    },
    async later(onValue: (value: number) => void) {
      called.push([]);
      await onValue(7);
    },
  };
  const { port1, port2 } = new MessageChannel();
  close = () => {
    port1.close();
    port2.close();
  };
  Comlink.expose(api, callsOnly(port1 as unknown as Comlink.Endpoint, api));
  return { api, called, port: port2, remote: Comlink.wrap<typeof api>(port2 as unknown as Comlink.Endpoint) };
}

/** Near misses of a call, each wrong in one place, and one of each kind of call that is not offered. */
const NEAR: unknown[] = [
  { type: 'APPLY', path: ['add'], argumentList: [] },
  { id: 1, type: 'APPLY', path: ['add'], argumentList: [] },
  { id: 'a', type: 'APPLY', path: 'add', argumentList: [] },
  { id: 'a', type: 'APPLY', path: [], argumentList: [] },
  { id: 'a', type: 'APPLY', path: [['add']], argumentList: [] },
  { id: 'a', type: 'APPLY', path: ['add', 'call'], argumentList: [] },
  { id: 'a', type: 'APPLY', path: ['add'], argumentList: 'ab' },
  { id: 'a', type: 'APPLY', path: ['add'], argumentList: [1, null] },
  { id: 'a', type: 'APPLY', path: ['add'], argumentList: [{ type: 'HANDLER', name: 'none', value: 1 }] },
  { id: 'a', type: 'APPLY', path: ['add'], argumentList: [{ type: 'HANDLER', name: 'proxy', value: {} }] },
  { id: 'a', type: 'APPLY', path: ['toString'], argumentList: [] },
  { id: 'a', type: 'APPLY', path: ['constructor'], argumentList: [] },
  { id: 'a', type: 'GET', path: ['__proto__'] },
  { id: 'a', type: 'GET', path: ['add'] },
  { id: 'a', type: 'GET', path: ['heartbeat'], argumentList: 'ab' },
  { id: 'a', type: 'SET', path: ['__proto__', 'polluted'], value: { type: 'RAW', value: true } },
  { id: 'a', type: 'SET', path: ['add'], value: { type: 'RAW', value: null } },
  { id: 'a', type: 'CONSTRUCT', path: ['add'], argumentList: [] },
  { id: 'a', type: 'ENDPOINT', path: [] },
  { id: 'a', type: 'RELEASE', path: [] },
];

it('R27 malformed messages call nothing, set nothing and break nothing; calls go on beside them', async () => {
  const { api, called, port, remote } = connect();
  const before = { ...api };
  const answered: unknown[] = [];
  port.addEventListener('message', ({ data }) => answered.push((data as { id?: unknown }).id));
  for (const message of NEAR) port.postMessage(message);
  fc.assert(
    fc.property(fc.anything({ maxDepth: 3 }), (message) => {
      port.postMessage(message);
    }),
    { numRuns: 300 },
  );
  fc.assert(
    fc.property(
      fc.record(
        {
          id: fc.oneof(fc.string(), fc.anything()),
          type: fc.constantFrom('GET', 'SET', 'APPLY', 'CONSTRUCT', 'ENDPOINT', 'RELEASE', 'GIVE'),
          path: fc.oneof(fc.array(fc.constantFrom('later', '__proto__', 'constructor', 'prototype', '')), fc.anything({ maxDepth: 1 })),
          argumentList: fc.anything({ maxDepth: 1 }),
          value: fc.anything({ maxDepth: 1 }),
        },
        { requiredKeys: [] },
      ),
      (message) => {
        port.postMessage(message);
      },
    ),
    { numRuns: 500 },
  );
  expect(await remote.add(2, 3)).toBe(5);
  const seen: number[] = [];
  await remote.later(Comlink.proxy((value: number) => void seen.push(value)));
  expect(seen).toEqual([7]);
  expect(await (remote as unknown as { heartbeat: PromiseLike<unknown> }).heartbeat).toBeUndefined();
  expect(called.filter((args) => args.length > 0)).toEqual([[2, 3]]);
  expect(answered).not.toContain('a');
  expect({ ...api }).toEqual(before);
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
});
