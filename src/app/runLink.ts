// A run as a link and back: recipe, results and the curves that the page draws first, most important first. A link's curves come back as
// events, so that every panel reads them as it reads any log. Refuses curves whose name is no stage, arm and metric.
import { decodeLink, encodeLink, type LinkEnvironment } from '../share/link.ts';
import { digestLog } from '../share/logDigest.ts';
import { ARM_ORDER, METRICS } from './curves.ts';
import { type Arm, type Recipe, type RunEvent, type RunLog, type Stage, type StageRef, WHOLE } from './runLog.ts';

const STAGES: readonly Stage[] = ['rlvr', 'e-step', 'ntp', 'm-step'];
/** What the page's charts of RLVR read beside the reward. */
const RLVR_DRAWN = ['len/mean', 'policy/entropy', 'group/frac_mixed'];
const CURVE_NAME = new RegExp(`^(${STAGES.join('|')}) (${ARM_ORDER.join('|')}) (\\d{0,3}) (\\S{1,80})$`);

export async function writeRunLink(recipe: Recipe, log: RunLog): Promise<string> {
  const drawn: string[] = [METRICS.reward, METRICS.lineReward, METRICS.lineElbo, METRICS.thinkRate, METRICS.loss, ...RLVR_DRAWN];
  const curves = STAGES.flatMap((stage) =>
    drawn.flatMap((metric) =>
      log.curvesOf(stage, metric).map((curve) => {
        const { steps, values } = curve.before(WHOLE);
        return {
          name: `${stage} ${curve.ref.arm} ${curve.ref.iteration ?? ''} ${metric}`,
          x: [...steps],
          y: [...values].map((value) => (Number.isFinite(value) ? value : null)),
        };
      }),
    ),
  );
  return encodeLink({ recipe, environment: environmentOf(log), curves, results: log.resultsBefore(WHOLE) });
}

/** Where a run ran; null where nothing has. The digest is of finished runs alone: others end anywhere. */
function environmentOf({ start, end, events }: RunLog): LinkEnvironment | null {
  if (!start) return null;
  const { adapter, version, startedAt, parameters, inputs, digest } = start;
  const own = end?.status === 'finished' ? digestLog(events) : null;
  return { adapter, version, startedAt, parameters, inputs: inputs ?? null, digest: digest ?? own };
}

export async function openRunLink(hash: string): Promise<{ recipe: Recipe; events: RunEvent[] }> {
  const { recipe, environment, curves, results } = await decodeLink(hash);
  const events: RunEvent[] = [];
  if (environment) {
    const { adapter, inputs, digest, ...rest } = environment;
    events.push({
      type: 'start',
      runId: '',
      recipe,
      adapter: { ...adapter, features: [] },
      ...rest,
      ...(inputs ? { inputs } : {}),
      ...(digest ? { digest } : {}),
    });
  }
  for (const { name, x, y } of curves) {
    const parts = CURVE_NAME.exec(name);
    if (!parts) continue;
    const ref: StageRef = { stage: parts[1] as Stage, arm: parts[2] as Arm };
    if (parts[3]) ref.iteration = Number(parts[3]);
    const metric = parts[4]!;
    x.forEach((step, i) => events.push({ type: 'metrics', ...ref, step, values: { [metric]: y[i] ?? null } }));
  }
  for (const result of results) events.push({ type: 'result', stage: 'evaluate', arm: result.arm, phase: result.phase, result });
  return { recipe, events };
}
