// The measurements as Markdown: medians, spread, ratios and the conditions they hold under. Pure text from numbers; measures nothing.
/**
 * @typedef {import('./page.ts').StepTiming} StepTiming
 * @typedef {import('./page.ts').MatmulTiming} MatmulTiming
 * @typedef {{
 *   date: string, command: string, adapter: import('../scripts/browser.mjs').BrowserAdapter, browser: string, machine: string,
 *   cores: number, load: { before: number, after: number }, versions: Record<string, string>, warmUp: number, rounds: number,
 *   steps: { shape: import('./workload.ts').StepShape, timings: StepTiming[] }[], matmuls: { n: number, timings: MatmulTiming[] }[],
 * }} Results
 */

/** @param {number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? (sorted[half] ?? Number.NaN) : ((sorted[half - 1] ?? Number.NaN) + (sorted[half] ?? Number.NaN)) / 2;
}

/** @param {number} x three significant digits, thousands separated */
const number = (x) => (x >= 1000 ? Math.round(x).toLocaleString('en-US') : x >= 100 ? x.toFixed(0) : x.toPrecision(3));
/** @param {number[]} values */
const withSpread = (values) => `${number(median(values))} (${number(Math.min(...values))} to ${number(Math.max(...values))})`;
/** @param {number} x */
const ratio = (x) => `${x.toFixed(x < 10 ? 2 : 1)}x`;
/** @param {string[][]} rows first row is the head */
const table = ([head = [], ...rows]) =>
  [head, head.map((_, i) => (i === 0 ? '---' : '---:')), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

/** @param {Results} r @returns {string} */
export function report(r) {
  const peers = Object.entries(r.versions).map(([name, version]) => `${name} ${version}`);
  const { vendor, architecture, description, software } = r.adapter;
  const adapter = [vendor, architecture, description].filter(Boolean).join(', ');
  return `# Performance

Written by \`${r.command}\` on ${r.date.slice(0, 10)}; running it again replaces this file.

- Adapter: ${adapter}${software ? ' (software: computes on the CPU)' : ''}
- Browser: Chromium ${r.browser}, headless
- Machine: ${r.machine}; load average ${r.load.before.toFixed(1)} before, ${r.load.after.toFixed(1)} after
${r.load.before > r.cores ? '- The machine was busy with other work: times are longer than on an idle one, and small ratios are within the spread\n' : ''}- Beside: ${peers.join(', ')}
- ${r.rounds} measured rounds after ${r.warmUp} for warming up; the contenders take turns within each round. Cells give the median and, in
  brackets, the fastest and the slowest round. A ratio above 1 means that RA3 Lab is faster, or smaller.

## Training step

Forward, backward and Adam of one Llama (RMSNorm, rotary positions, causal attention, SwiGLU, tied embeddings), H=4, V=512, f32. All start from
the same parameters and read the same batches; the run fails unless their losses agree. A step has ended when its loss is on the host.
Attention, loss and gradients of jax-js are one \`jit\`; tfjs runs eagerly, as it always does.

${table([
  [
    'C, L, T, B',
    ...contenders(r.steps).map((name) => `${name}, ms`),
    ...contenders(r.steps)
      .slice(1)
      .map((name) => `vs ${name}`),
  ],
  ...r.steps.map(({ shape: s, timings }) => [
    `${s.C}, ${s.L}, ${s.T}, ${s.B}`,
    ...timings.map((t) => withSpread(t.timesMs)),
    ...timings.slice(1).map((t) => ratio(median(t.timesMs) / median(timings[0]?.timesMs ?? []))),
  ]),
])}

Largest bytes of live GPU buffers while training, counted by wrapping \`createBuffer\` and \`destroy\` for all three alike, and the time to the
first loss (opening the device, choosing kernels, tracing, compiling and one step):

${table([
  [
    'C, L, T, B',
    ...contenders(r.steps).map((name) => `${name}, MB`),
    ...contenders(r.steps)
      .slice(1)
      .map((name) => `vs ${name}`),
    ...contenders(r.steps).map((name) => `${name}, first loss s`),
  ],
  ...r.steps.map(({ shape: s, timings }) => [
    `${s.C}, ${s.L}, ${s.T}, ${s.B}`,
    ...timings.map((t) => number(t.peakBytes / 1e6)),
    ...timings.slice(1).map((t) => ratio(t.peakBytes / (timings[0]?.peakBytes ?? Number.NaN))),
    ...timings.map((t) => number(t.firstLossMs / 1000)),
  ]),
])}

## Matmul

f32, square, products chained (x -> a x) and read back once at the end of a chain. GFLOP/s at the median, and of the slowest and fastest round.

${table([
  [
    'n',
    ...contenders(r.matmuls).map((name) => `${name}, GFLOP/s`),
    ...contenders(r.matmuls)
      .slice(1)
      .map((name) => `vs ${name}`),
  ],
  ...r.matmuls.map(({ n, timings }) => [
    String(n),
    ...timings.map((t) => withSpread(t.timesMs.map((ms) => (2 * n ** 3) / ms / 1e6))),
    ...timings.slice(1).map((t) => ratio(median(t.timesMs) / median(timings[0]?.timesMs ?? []))),
  ]),
])}
`;
}

/** @param {{ timings: { contender: string }[] }[]} rows */
function contenders(rows) {
  return (rows[0]?.timings ?? []).map((t) => t.contender);
}
