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
