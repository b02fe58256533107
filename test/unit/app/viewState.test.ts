// The view part of an address: written short, read strictly, beside any run link, and never a reason not to open one.
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createView } from '../../../src/app/view.ts';
import {
  DEFAULT_VIEW,
  joinHash,
  MAX_VIEW_CHARACTERS,
  PANELS,
  readView,
  splitHash,
  type View,
  writeView,
  X_KINDS,
  ZOOMS,
} from '../../../src/app/viewState.ts';

const names = fc.stringMatching(/^[a-z0-9][a-z0-9:/._@-]{0,30}$/);
const range = fc
  .tuple(fc.double({ min: 0, max: 1e9, noNaN: true }), fc.double({ min: 0, max: 1e9, noNaN: true }))
  .map(([a, b]): [number, number] => [Number(Math.min(a, b).toPrecision(6)), Number((Math.max(a, b) + 1).toPrecision(6))])
  .filter(([a, b]) => a < b);
const anyView: fc.Arbitrary<View> = fc.record({
  x: fc.constantFrom(...X_KINDS),
  logX: fc.boolean(),
  logY: fc.boolean(),
  smoothing: fc.integer({ min: 0, max: 99 }).map((n) => n / 100),
  charts: fc.oneof(fc.constant(null), fc.uniqueArray(names, { minLength: 1, maxLength: 8 })),
  zoom: fc.dictionary(fc.constantFrom(...ZOOMS), range, { noNullPrototype: true }),
  hidden: fc.uniqueArray(fc.constantFrom(...PANELS)),
  embed: fc.boolean(),
  compared: fc.uniqueArray(fc.stringMatching(/^[\w.-]{1,24}$/), { maxLength: 6 }),
});

describe('the view in an address', () => {
  it('is nothing for the default view', () => {
    expect(writeView(DEFAULT_VIEW)).toBe('');
    expect(readView('')).toEqual({ view: DEFAULT_VIEW, problem: null });
  });

  it('comes back as it was, in at most 1,024 characters', () => {
    fc.assert(
      fc.property(anyView, (view) => {
        const text = writeView(view);
        expect(text.length).toBeLessThanOrEqual(MAX_VIEW_CHARACTERS);
        expect(readView(text)).toEqual({ view, problem: null });
        expect(splitHash(joinHash('v1.AAAA', text))).toEqual({ link: 'v1.AAAA', view: text });
      }),
      { numRuns: 30 },
    );
  });

  it('leaves out the last of what does not fit', () => {
    const compared = Array.from({ length: 20 }, (_, i) => `${'r'.repeat(60)}${i}`);
    const { view, problem } = readView(writeView({ ...DEFAULT_VIEW, compared }));
    expect(problem).toBeNull();
    expect(view.compared.length).toBeGreaterThan(10);
    expect(view.compared).toEqual(compared.slice(0, view.compared.length));
  });

  it.each([
    ['view=1&x=time&log=xy&smooth=0.9&hide=theory,try', { x: 'time', logX: true, logY: true, smoothing: 0.9, hidden: ['theory', 'try'] }],
    ['view=1&charts=reward,rlvr:grad/norm&zoom=rlvr:10:50', { charts: ['reward', 'rlvr:grad/norm'], zoom: { rlvr: [10, 50] } }],
    ['view=1&runs=a-1,b.2', { compared: ['a-1', 'b.2'] }],
  ] as const)('of the first release is read for ever: %s', (part, change) => {
    expect(readView(part)).toEqual({ view: { ...DEFAULT_VIEW, ...change }, problem: null });
  });

  it.each([
    ['view=2&x=time', 'it has version 2; this page reads version 1'],
    ['view=1&x=epoch', '"x" cannot be "epoch"'],
    ['view=1&y=1', '"y" cannot be "1"'],
    ['view=1&x=time&x=step', '"x" comes twice'],
    ['view=1&smooth=2', '"smooth" cannot be "2"'],
    ['view=1&smooth=0.999', '"smooth" cannot be "0.999"'],
    ['view=1&hide=everything', '"hide" cannot be "everything"'],
    ['view=1&hide=try,try', '"hide" cannot be "try,try"'],
    ['view=1&charts=<img src=x>', '"charts" cannot be "<img src=x>"'],
    ['view=1&zoom=rlvr:5:5', '"zoom" cannot be "rlvr:5:5"'],
    ['view=1&zoom=rlvr:1:Infinity', '"zoom" cannot be "rlvr:1:Infinity"'],
    ['view=1&zoom=rlvr', '"zoom" cannot be "rlvr"'],
    ['view=1&runs=../../x', '"runs" cannot be "../../x"'],
    ['view=1&__proto__=1', 'cannot be'],
    ['view=1&x', '"x" is no name with its value'],
    ['view=1&x=%E0%A4%A', 'is no name with its value'],
    [`view=1&runs=${'a'.repeat(5000)}`, 'it has 5012 characters; up to 4096 are read'],
  ])('that is bad says why and is ignored: %s', (part, why) => {
    const { view, problem } = readView(part);
    expect(view).toEqual(DEFAULT_VIEW);
    expect(problem).toContain('The view in this address was ignored: ');
    expect(problem).toContain(why);
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  it('stands beside run links, which never hold its separator', () => {
    expect(splitHash('#v1.AAAA')).toEqual({ link: 'v1.AAAA', view: '' });
    expect(splitHash('#v1.AAAA&view=1&x=time')).toEqual({ link: 'v1.AAAA', view: 'view=1&x=time' });
    expect(splitHash('#view=1&x=time')).toEqual({ link: '', view: 'view=1&x=time' });
    expect(splitHash('')).toEqual({ link: '', view: '' });
    expect(joinHash('', '')).toBe('');
    expect(joinHash('#v1.AAAA', '')).toBe('#v1.AAAA');
    expect(joinHash('', 'view=1&x=time')).toBe('#view=1&x=time');
  });
});

describe('the view of a page', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function bar(hash: string) {
    const written: string[] = [];
    return {
      written,
      hash: () => written.at(-1) ?? hash,
      replace: (next: string) => void written.push(next),
    };
  }

  it('is written once after many changes, beside the run link that stands there', () => {
    const address = bar('#v1.AAAA');
    const view = createView(address);
    expect(view.open('#v1.AAAA')).toBeNull();
    for (const smoothing of [0.1, 0.2, 0.3]) view.set({ smoothing });
    view.setX('tokens');
    expect(address.written).toEqual([]);
    vi.runAllTimers();
    expect(address.written).toEqual(['#v1.AAAA&view=1&x=tokens&smooth=0.3']);
  });

  it('goes back to an address without it when all is as at the start', () => {
    const address = bar('#view=1&hide=try');
    const view = createView(address);
    view.open(address.hash());
    expect(view.store.getState().hidden).toEqual(['try']);
    view.setHidden('try', false);
    vi.runAllTimers();
    expect(address.written).toEqual(['']);
  });

  it('loses its zoom when x counts something else, or when charts are framed', () => {
    const view = createView(bar(''));
    view.zoomTo('rlvr', [1, 2]);
    view.zoomTo('losses', [3, 4]);
    expect(view.store.getState().zoom).toEqual({ rlvr: [1, 2], losses: [3, 4] });
    view.zoomTo('losses', null);
    expect(view.store.getState().zoom).toEqual({ rlvr: [1, 2] });
    view.setX('time');
    expect(view.store.getState().zoom).toEqual({});
    view.zoomTo('rlvr', [1, 2]);
    let told = 0;
    const stop = view.onFrame(() => told++);
    view.frame();
    stop();
    view.frame();
    expect(told).toBe(1);
    expect(view.store.getState().zoom).toEqual({});
  });

  it('of a bad address is the default one, and the address is left as it is', () => {
    const address = bar('#view=9');
    const view = createView(address);
    expect(view.open('#view=9')).toContain('version 9');
    vi.runAllTimers();
    expect(view.store.getState()).toEqual(DEFAULT_VIEW);
    expect(address.written).toEqual([]);
  });
});
