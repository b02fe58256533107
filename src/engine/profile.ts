// Where a plan's time goes: every dispatch in a pass of its own between two timestamps, summed by kernel, held against what the adapter was
// measured to do at best, and laid out as a trace that Perfetto and chrome://tracing open. Without timestamps the time of a kernel's run of
// dispatches is that of a submission of its own, less what an empty one takes, and the profile says so.
// The plan's dispatches run in their order, so its results are those of plan.run(). Refuses nothing.
import type { GpuContext } from '../gpu/context.ts';
import { Graph, type Plan, type Step } from './graph.ts';
import { flatGrid } from './matmul.ts';
import { pacerOf } from './pacer.ts';

export type Phase = 'forward' | 'loss' | 'backward' | 'optimiser' | 'sampling';

export interface DispatchTiming {
  kernel: string;
  phase: Phase;
  /** Null where no layer is at work: embedding, head, loss, optimiser. */
  layer: number | null;
  grid: readonly [number, number, number];
  /** Mean over the rounds. */
  timeUs: number;
  flops: number;
  /** Of all that the dispatch binds, each byte once. */
  bytes: number;
}

export interface KernelTiming {
  kernel: string;
  calls: number;
  timeMs: number;
  /** Of the whole plan's time. */
  share: number;
  gflopPerS: number;
  gbPerS: number;
}

export interface Profile {
  plan: string;
  method: 'timestamps' | 'submissions';
  /** The steps in which time was told; a single dispatch shorter than that is known only as the mean over many. */
  resolutionUs: number;
  rounds: number;
  timeMs: number;
  /** In the plan's order. */
  dispatches: DispatchTiming[];
  /** Longest first. */
  kernels: KernelTiming[];
}

/** What the adapter does at best, measured. */
export interface Ceiling {
  gflopPerS: number;
  gbPerS: number;
}

export interface ProfileOptions {
  /** Measured rounds, after one that warms up. */
  rounds?: number;
  /** Called before every round, to put the plan's inputs back. */
  before?: () => Promise<unknown>;
}

/** Runs the plan rounds + 1 times and times each dispatch. */
export async function profilePlan(plan: Plan, options: ProfileOptions = {}): Promise<Profile> {
  const { gpu, steps } = plan;
  const rounds = options.rounds ?? 3;
  const method = gpu.device.features.has('timestamp-query') ? 'timestamps' : 'submissions';
  const measure = method === 'timestamps' ? timeByTimestamps : timeBySubmissions;
  const totalUs = new Float64Array(steps.length);
  let resolutionUs = Infinity;
  for (let round = 0; round <= rounds; round++) {
    await options.before?.();
    const { timesUs, stepUs } = await measure(plan);
    if (round === 0) continue;
    resolutionUs = Math.min(resolutionUs, stepUs);
    for (let i = 0; i < totalUs.length; i++) totalUs[i] = (totalUs[i] as number) + (timesUs[i] as number) / rounds;
  }
  const places = placesOf(plan);
  const dispatches = plan.dispatches.map((d, i): DispatchTiming => {
    const { phase, layer } = places[i] as Place;
    return { kernel: d.kernel, phase, layer, grid: d.grid, timeUs: totalUs[i] as number, flops: d.flops, bytes: d.bytes };
  });
  const kernels = sumByKernel(dispatches);
  const timeMs = kernels.reduce((n, k) => n + k.timeMs, 0);
  return { plan: plan.label, method, resolutionUs: Number.isFinite(resolutionUs) ? resolutionUs : 0, rounds, timeMs, dispatches, kernels };
}

/** Plans that run one after the other (forward and backward, then the update) as one. */
export function joinProfiles(plan: string, parts: readonly [Profile, ...Profile[]]): Profile {
  const dispatches = parts.flatMap((p) => p.dispatches);
  return {
    ...parts[0],
    plan,
    resolutionUs: Math.max(...parts.map((p) => p.resolutionUs)),
    timeMs: parts.reduce((n, p) => n + p.timeMs, 0),
    dispatches,
    kernels: sumByKernel(dispatches),
  };
}

export function sumByKernel(dispatches: readonly DispatchTiming[]): KernelTiming[] {
  const total = dispatches.reduce((n, d) => n + d.timeUs, 0);
  const names = [...new Set(dispatches.map((d) => d.kernel))];
  const perSecond = (amount: number, timeUs: number): number => (timeUs > 0 ? amount / timeUs / 1000 : 0);
  return names
    .map((kernel): KernelTiming => {
      const of = dispatches.filter((d) => d.kernel === kernel);
      const timeUs = of.reduce((n, d) => n + d.timeUs, 0);
      return {
        kernel,
        calls: of.length,
        timeMs: timeUs / 1000,
        share: total > 0 ? timeUs / total : 0,
        gflopPerS: perSecond(
          of.reduce((n, d) => n + d.flops, 0),
          timeUs,
        ),
        gbPerS: perSecond(
          of.reduce((n, d) => n + d.bytes, 0),
          timeUs,
        ),
      };
    })
    .sort((a, b) => b.timeMs - a.timeMs);
}

interface Times {
  timesUs: Float64Array;
  stepUs: number;
}

/** WebGPU's limit of queries in one set. */
const QUERIES = 4096;

async function timeByTimestamps({ gpu, label, steps }: Plan): Promise<Times> {
  const { device } = gpu;
  const capacity = Math.min(QUERIES, 2 * steps.length);
  const set = device.createQuerySet({ label: `${label}/timestamps`, type: 'timestamp', count: capacity });
  const resolved = gpu.createBuffer(`${label}/timestamps`, 8 * capacity, GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC);
  const staging = gpu.createBuffer(`${label}/timestamps read`, 8 * capacity, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST);
  const timesUs = new Float64Array(steps.length);
  const spans: bigint[] = [];
  try {
    for (let first = 0; first < steps.length; first += capacity / 2) {
      const chunk = steps.slice(first, first + capacity / 2);
      submitTimed(gpu, label, chunk, set, resolved, staging);
      await staging.mapAsync(GPUMapMode.READ);
      gpu.check();
      const stamps = new BigUint64Array(staging.getMappedRange().slice(0, 16 * chunk.length));
      staging.unmap();
      for (let i = 0; i < chunk.length; i++) {
        // A clock that was set anew in between gives no time.
        const span = BigInt.asIntN(64, (stamps[2 * i + 1] as bigint) - (stamps[2 * i] as bigint));
        spans.push(span > 0n ? span : 0n);
        timesUs[first + i] = Number(span > 0n ? span : 0n) / 1000;
      }
    }
  } finally {
    set.destroy();
    gpu.destroyBuffer(resolved);
    gpu.destroyBuffer(staging);
  }
  return { timesUs, stepUs: Number(commonStep(spans)) / 1000 };
}

function submitTimed(
  gpu: GpuContext,
  label: string,
  steps: readonly Step[],
  set: GPUQuerySet,
  resolved: GPUBuffer,
  staging: GPUBuffer,
): void {
  const { device } = gpu;
  const pacer = pacerOf(gpu);
  let encoder = device.createCommandEncoder({ label });
  let cost = 0;
  steps.forEach((step, i) => {
    if (cost > 0 && cost + step.cost > pacer.budget()) {
      device.queue.submit([encoder.finish()]);
      pacer.submitted(gpu, cost);
      encoder = device.createCommandEncoder({ label });
      cost = 0;
    }
    const timestampWrites = { querySet: set, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 };
    encode(encoder.beginComputePass({ timestampWrites }), [step]);
    cost += step.cost;
  });
  encoder.resolveQuerySet(set, 0, 2 * steps.length, resolved, 0);
  encoder.copyBufferToBuffer(resolved, 0, staging, 0, 16 * steps.length);
  device.queue.submit([encoder.finish()]);
  pacer.submitted(gpu, cost);
}

function encode(pass: GPUComputePassEncoder, steps: readonly Step[]): void {
  for (const step of steps) {
    pass.setPipeline(step.pipeline);
    pass.setBindGroup(0, step.group);
    pass.dispatchWorkgroups(...step.grid);
  }
  pass.end();
}

/** The largest step that all spans are multiples of. */
function commonStep(spans: readonly bigint[]): bigint {
  let step = 0n;
  for (let span of spans) while (span) [step, span] = [span, step % span];
  return step;
}

/** Runs of one kernel's dispatches, each submitted and waited for; a run's time is shared out by estimated cost. */
async function timeBySubmissions({ gpu, label, dispatches, steps }: Plan): Promise<Times> {
  const submit = async (part: readonly Step[]): Promise<number> => {
    const encoder = gpu.device.createCommandEncoder({ label });
    encode(encoder.beginComputePass(), part);
    const started = performance.now();
    gpu.device.queue.submit([encoder.finish()]);
    await gpu.idle();
    return 1000 * (performance.now() - started);
  };
  await gpu.idle();
  const empty: number[] = [];
  for (let i = 0; i < 5; i++) empty.push(await submit([]));
  const emptyUs = empty.sort((a, b) => a - b)[2] as number;
  const timesUs = new Float64Array(steps.length);
  for (let first = 0; first < steps.length; ) {
    let end = first + 1;
    while (end < steps.length && dispatches[end]?.kernel === dispatches[first]?.kernel) end++;
    const part = steps.slice(first, end);
    const timeUs = Math.max(0, (await submit(part)) - emptyUs);
    const cost = part.reduce((n, s) => n + s.cost, 0);
    part.forEach((s, i) => {
      timesUs[first + i] = (timeUs * s.cost) / cost;
    });
    first = end;
  }
  return { timesUs, stepUs: emptyUs };
}

interface Place {
  phase: Phase;
  layer: number | null;
}

/**
 * The phase and layer of each dispatch, read off what it binds: blocks of parameters are named "LAYER.block", gradients "d(...)". What binds no
 * layer's parameters (attention, activations) belongs to the layer before it, as the plan emits layers one by one.
 */
export function placesOf({ dispatches }: Pick<Plan, 'dispatches'>): Place[] {
  let layer: number | null = null;
  let before: Phase = 'forward';
  return dispatches.map(({ kernel, tensors }) => {
    const labels = tensors.map((t) => t.label.replace(/^.*\//, ''));
    const phase = phaseOf(kernel, labels);
    const blocks = labels.filter((_, i) => tensors[i]?.kind === 'view').map((label) => label.replace(/^d\(/, ''));
    const named = blocks.map((label) => /^(\d+)\./.exec(label)?.[1]).find((n) => n !== undefined);
    const ofLayers = phase === 'backward' || (phase === 'forward' && before !== 'loss');
    if (named !== undefined) layer = Number(named);
    else if (!ofLayers || blocks.some((label) => /^(embed|positions|norm|head)\b/.test(label))) layer = null;
    before = phase;
    return { phase, layer };
  });
}

function phaseOf(kernel: string, labels: readonly string[]): Phase {
  if (kernel.startsWith('optim/')) return 'optimiser';
  if (kernel.startsWith('loss/')) return 'loss';
  if (/^(sample|latent)\//.test(kernel)) return 'sampling';
  return labels.some((label) => label.startsWith('d(')) ? 'backward' : 'forward';
}

/** What the adapter does at best in f32 registers and from memory to memory: the best of a few runs of at least `leastMs`. */
export async function measureCeiling(gpu: GpuContext, leastMs = 50): Promise<Ceiling> {
  const threads = gpu.software ? 16_384 : 1_048_576;
  const vectors = Math.min(gpu.software ? 2 ** 20 : 2 ** 23, Math.floor(gpu.device.limits.maxStorageBufferBindingSize / 16));
  const steps = 1024;
  const arithmetic = new Graph(gpu, 'arithmetic ceiling');
  arithmetic.dispatch('profile/multiply_add', [arithmetic.temp('y', [threads])], {
    args: { N: threads, steps, a: 0.75, b: 0.2 },
    grid: flatGrid(threads),
    cost: 16 * threads * steps,
  });
  const memory = new Graph(gpu, 'memory ceiling');
  memory.dispatch('profile/stream_copy', [memory.temp('x', [4 * vectors]), memory.temp('y', [4 * vectors])], {
    args: { N: vectors },
    grid: flatGrid(vectors),
  });
  const operations = await bestPerMs(arithmetic, 16 * threads * steps, leastMs);
  const bytes = await bestPerMs(memory, 32 * vectors, leastMs);
  return { gflopPerS: operations / 1e6, gbPerS: bytes / 1e6 };
}

/** Amount per millisecond of the fastest of three runs that are each long enough to be told from the wait for them. */
async function bestPerMs(graph: Graph, amount: number, leastMs: number): Promise<number> {
  const plan = await graph.compile();
  try {
    await plan.runTimed();
    let times = 1;
    let timeMs = await plan.runTimed();
    for (let tries = 0; timeMs < leastMs && tries < 16; tries++) {
      times *= 2;
      timeMs = await plan.runTimed(times);
    }
    const all = [timeMs, await plan.runTimed(times), await plan.runTimed(times)];
    return (amount * times) / Math.max(Math.min(...all), 1e-3);
  } finally {
    plan.destroy();
  }
}

export interface TraceEvent {
  name: string;
  /** X: a span; M: the name or place of a track. */
  ph: 'X' | 'M';
  pid: number;
  tid: number;
  /** Microseconds. */
  ts?: number;
  dur?: number;
  cat?: string;
  args: Record<string, string | number>;
}

/** The trace as Perfetto and chrome://tracing read it: a track per phase and layer, dispatches end to end with their mean times. */
export function chromeTrace(profile: Profile): {
  displayTimeUnit: 'ms';
  otherData: Record<string, string | number>;
  traceEvents: TraceEvent[];
} {
  const spans: TraceEvent[] = [];
  const tracks = new Map<string, number>();
  let ts = 0;
  for (const d of profile.dispatches) {
    const track = d.layer === null ? d.phase : `${d.phase}, layer ${d.layer}`;
    let tid = tracks.get(track);
    if (tid === undefined) {
      tid = tracks.size + 1;
      tracks.set(track, tid);
    }
    spans.push({
      name: d.kernel,
      cat: d.phase,
      ph: 'X',
      pid: 1,
      tid,
      ts,
      dur: d.timeUs,
      args: {
        grid: d.grid.join(' x '),
        flops: d.flops,
        bytes: d.bytes,
        'GFLOP/s': d.timeUs > 0 ? d.flops / d.timeUs / 1000 : 0,
        'GB/s': d.timeUs > 0 ? d.bytes / d.timeUs / 1000 : 0,
      },
    });
    ts += d.timeUs;
  }
  const names: TraceEvent[] = [{ name: 'process_name', ph: 'M', pid: 1, tid: 0, args: { name: profile.plan } }];
  for (const [name, tid] of tracks) {
    names.push({ name: 'thread_name', ph: 'M', pid: 1, tid, args: { name } });
    names.push({ name: 'thread_sort_index', ph: 'M', pid: 1, tid, args: { sort_index: tid } });
  }
  const { plan, method, resolutionUs, rounds } = profile;
  return { displayTimeUnit: 'ms', otherData: { plan, method, resolutionUs, rounds }, traceEvents: [...names, ...spans] };
}
