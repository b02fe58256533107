// The measurements as Markdown: medians, spread, ratios and the conditions they hold under. Pure text from numbers; measures nothing.
import { VOCABULARY } from './cells.mjs';

/**
 * @typedef {import('./page.ts').Timing} Timing
 * @typedef {{ shape: import('./workload.ts').StepShape, flops: number, timings: import('./page.ts').StepTiming[] }} StepCell
 * @typedef {{ name: string, shape: import('./workload.ts').MatmulShape, flops: number, timings: import('./page.ts').MatmulTiming[] }} MatmulCell
 * @typedef {{
 *   date: string, command: string, commit: string, adapter: import('../scripts/browser.mjs').BrowserAdapter, browser: string, machine: string,
 *   cores: number, load: { before: number, after: number }, versions: Record<string, string>, rounds: number,
 *   ceiling: import('./page.ts').Ceiling | null, steps: StepCell[], matmuls: MatmulCell[],
 *   decode: import('./page.ts').DecodeTiming[], loading: import('./page.ts').LoadTiming[],
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
/** @param {number} x */
const percent = (x) => `${(100 * x).toFixed(0)} %`;
/** @param {string[][]} rows first row is the head */
const table = ([head = [], ...rows]) =>
  [head, head.map((_, i) => (i === 0 ? '---' : '---:')), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

/** What stands where there are no times: the estimate with a tilde, or the error. @param {Timing} t @param {(ms: number) => string} show */
function missing(t, show) {
  const why = (t.absent ?? 'no times').replace(/[|\s]+/g, ' ');
  return t.estimateMs === null ? `failed: ${why}` : `~${show(t.estimateMs)}, ${why}`;
}

/** This project's time against another's; an estimate of the other is marked. @param {Timing | undefined} ours @param {Timing} peer */
function against(ours, peer) {
  if (!ours?.timesMs.length) return '';
  if (peer.timesMs.length) return ratio(median(peer.timesMs) / median(ours.timesMs));
  return peer.estimateMs === null ? '' : `~${ratio(peer.estimateMs / median(ours.timesMs))}`;
}

/** @param {{ timings: { contender: string }[] }[]} rows */
const contenders = (rows) => (rows[0]?.timings ?? []).map((t) => t.contender);

/** @param {Results} r @returns {string} */
export function report(r) {
  const { vendor, architecture, description, software } = r.adapter;
  const adapter = [vendor, architecture, description].filter(Boolean).join(', ');
  const conditions = [
    `- Adapter: ${adapter}${software ? ' (software: computes on the CPU)' : ''}`,
    r.ceiling &&
      `- Its ceiling, measured in the same run with two small kernels: ${number(r.ceiling.gflopPerS)} GFLOP/s of f32 multiply-adds in registers, ${number(r.ceiling.gbPerS)} GB/s copied`,
    `- Browser: Chromium ${r.browser}, headless`,
    `- Machine: ${r.machine}; load average ${r.load.before.toFixed(1)} before, ${r.load.after.toFixed(1)} after`,
    r.load.before > r.cores / 2 &&
      '- The machine was busy with other work: times are longer than on an idle one, and small ratios are within the spread',
    `- Commit: ${r.commit}`,
    `- Beside: ${Object.entries(r.versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}`,
    `- Up to ${r.rounds} measured rounds after warming up; the contenders take turns within each round. Cells give the median and, in brackets, the`,
    '  fastest and the slowest round. A ratio above 1 means that RA3 Lab is faster, or smaller. A tilde marks an estimate, where a contender was',
    '  left out (its time in smaller cells, scaled) or stopped after one round, because it would have taken longer than its share of the run.',
  ];
  const sections = [
    r.steps.length > 0 && stepSection(r),
    r.matmuls.length > 0 && matmulSection(r),
    r.decode.length > 0 && decodeSection(r),
    r.loading.length > 0 && loadSection(r),
  ];
  return `# Performance

Written by \`${r.command}\` on ${r.date.slice(0, 10)}; running it again with \`--write\` replaces this file.

${conditions.filter(Boolean).join('\n')}

${sections.filter(Boolean).join('\n\n')}
`;
}

/** @param {Results} r */
function stepSection({ steps, ceiling }) {
  const names = contenders(steps);
  const peers = names.slice(1);
  const shapeOf = (/** @type {StepCell} */ { shape: s }) => `${s.C}, ${s.L}, ${s.T}, ${s.B}`;
  const milliseconds = (/** @type {number} */ ms) => `${number(ms)} ms`;
  return `## Training step

Forward, backward and Adam of one Llama (RMSNorm, rotary positions, causal attention, SwiGLU, tied embeddings), H=4, V=${VOCABULARY}, f32. All start from
the same parameters and read the same batches; the run fails unless their losses agree. A step has ended when its loss is on the host.
Attention, loss and gradients of jax-js are one \`jit\`; tfjs runs eagerly, as it always does. Arithmetic counts matrices and the causal half of
attention, forward once and backward twice, and nothing that is recomputed; the last column is its share of the measured ceiling.

${table([
  ['C, L, T, B', ...names.map((name) => `${name}, ms`), ...peers.map((name) => `vs ${name}`), 'tokens/s', 'of ceiling'],
  ...steps.map((cell) => {
    const { shape, flops, timings } = cell;
    const [ours, ...others] = timings;
    const ms = median(ours?.timesMs ?? []);
    return [
      shapeOf(cell),
      ...timings.map((t) => (t.timesMs.length ? withSpread(t.timesMs) : missing(t, milliseconds))),
      ...others.map((t) => against(ours, t)),
      ours?.timesMs.length ? number((1000 * shape.B * shape.T) / ms) : '',
      ours?.timesMs.length && ceiling ? percent(flops / ms / 1e6 / ceiling.gflopPerS) : '',
    ];
  }),
])}

Largest bytes of live GPU buffers while training, counted by wrapping \`createBuffer\` and \`destroy\` for all three alike, and the time to the
first loss (opening the device, choosing kernels, tracing, compiling and one step):

${table([
  [
    'C, L, T, B',
    ...names.map((name) => `${name}, MB`),
    ...peers.map((name) => `vs ${name}`),
    ...names.map((name) => `${name}, first loss s`),
  ],
  ...steps.map((cell) => {
    const [ours, ...others] = cell.timings;
    return [
      shapeOf(cell),
      ...cell.timings.map((t) => (t.peakBytes ? number(t.peakBytes / 1e6) : '')),
      ...others.map((t) => (t.peakBytes && ours?.peakBytes ? ratio(t.peakBytes / ours.peakBytes) : '')),
      ...cell.timings.map((t) => (t.firstLossMs ? number(t.firstLossMs / 1000) : '')),
    ];
  }),
])}`;
}

/** @param {Results} r */
function matmulSection({ matmuls, ceiling }) {
  const names = contenders(matmuls);
  return `## Matmul

y (M, N) = x (M, K) w in f32. Squares multiply two plain matrices; layers multiply by a weight that is stored as (N, K), as in model files, and
that the others were given as (K, N), which they prefer. A round is a row of independent products that is waited for once; nothing is read
back. GFLOP/s at the median, and of the slowest and fastest round. The run fails unless the products agree.

${table([
  ['product', 'M, N, K', ...names.map((name) => `${name}, GFLOP/s`), ...names.slice(1).map((name) => `vs ${name}`), 'of ceiling'],
  ...matmuls.map(({ name, shape, flops, timings }) => {
    const rate = (/** @type {number} */ ms) => flops / ms / 1e6;
    const [ours, ...others] = timings;
    return [
      name,
      `${shape.M}, ${shape.N}, ${shape.K}`,
      ...timings.map((t) => (t.timesMs.length ? withSpread(t.timesMs.map(rate)) : missing(t, (ms) => number(rate(ms))))),
      ...others.map((t) => against(ours, t)),
      ours?.timesMs.length && ceiling ? percent(rate(median(ours.timesMs)) / ceiling.gflopPerS) : '',
    ];
  }),
])}`;
}

/** @param {Results} r */
function decodeSection({ decode }) {
  const { parameters } = decode[0] ?? { parameters: 0 };
  return `## Decoding

A Llama of ${number(parameters / 1e6)} M random parameters in f32, greedy, with a cache: new tokens of all rows together, from the prompts on the host to the tokens on the
host. Prompts have one token. jax-js and tfjs have no cached decoding; onnxruntime-web decodes models that were exported to ONNX beforehand, which
is another road.

${table([
  ['rows', 'new tokens per row', 'tokens/s', 'ms per step', 'GPU memory, MB'],
  ...decode.map(({ batch, newTokens, timesMs, peakBytes }) => [
    String(batch),
    String(newTokens),
    withSpread(timesMs.map((ms) => (1000 * batch * newTokens) / ms)),
    withSpread(timesMs.map((ms) => ms / newTokens)),
    number(peakBytes / 1e6),
  ]),
])}`;
}

/** @param {Results} r */
function loadSection({ loading }) {
  return `## Loading a folder

config.json and model.safetensors with random weights, made in the run and read by slices through the project's own reader: from the files to
weights that are checked and on the GPU.

${table([
  ['stored as', 'parameters, M', 'file, MB', 'seconds', 'MB/s', 'GPU memory, MB'],
  ...loading.map(({ dtype, parameters, fileBytes, timesMs, peakBytes }) => [
    dtype,
    number(parameters / 1e6),
    number(fileBytes / 1e6),
    withSpread(timesMs.map((ms) => ms / 1000)),
    number(fileBytes / 1000 / median(timesMs)),
    number(peakBytes / 1e6),
  ]),
])}`;
}
