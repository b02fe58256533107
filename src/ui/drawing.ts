// Redraws of charts, a few at a time: what is asked for is drawn in the coming frames, each of which spends a few milliseconds on it, so that no update of
// many charts holds the page up. Asked again before it was drawn, a chart is drawn once. Promises that every chart asked for is drawn.
const BUDGET_MS = 8;
const waiting = new Map<object, () => void>();

/** @param chart whose redraw it is. */
export function drawSoon(chart: object, draw: () => void): void {
  if (waiting.size === 0) requestAnimationFrame(drawSome);
  waiting.set(chart, draw);
}

export function drawNoMore(chart: object): void {
  waiting.delete(chart);
  unmade.delete(chart);
}

export interface Size {
  width: number;
  height: number;
}

/** The first picture is drawn whole. */
let isFirst = true;
const unmade = new Map<object, { element: HTMLElement; make: (size: Size) => void }>();

/**
 * Has a chart made before the page is drawn next, if it is in the window, else in the coming frames; where many are asked for once the page is there,
 * most of them too. All that are asked for in one task are measured before the first of them changes the page, so that the page is laid out once.
 */
export function makeMeasured(chart: object, element: HTMLElement, make: (size: Size) => void): void {
  if (unmade.size === 0) queueMicrotask(makeAll);
  unmade.set(chart, { element, make });
}

function makeAll(): void {
  const measured = [...unmade].map(([chart, { element, make }]) => {
    const { top } = element.getBoundingClientRect();
    return { chart, make, isBelow: top > innerHeight, size: { width: element.clientWidth, height: element.clientHeight } };
  });
  unmade.clear();
  const until = isFirst ? Number.POSITIVE_INFINITY : performance.now() + BUDGET_MS;
  isFirst = false;
  for (const { chart, make, isBelow, size } of measured)
    if (isBelow || performance.now() > until) drawSoon(chart, () => make(size));
    else make(size);
}

function drawSome(): void {
  const began = performance.now();
  for (const [chart, draw] of waiting) {
    waiting.delete(chart);
    draw();
    if (performance.now() - began > BUDGET_MS) break;
  }
  if (waiting.size > 0) requestAnimationFrame(drawSome);
}
