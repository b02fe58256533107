// How the page is looked at, as the part of its address that stands beside a run link: axis, logs, smoothing, charts, zoom, hidden panels, compared
// runs. The address is #RUNLINK&view=1&x=time&hide=theory: each half may be missing, and neither reads the other.
// Promises that what stands at its default is not written, that a view part written is read back the same and has at most MAX_VIEW_CHARACTERS, and
// that addresses without one mean what they meant. Refuses (by a sentence, with the whole part ignored) other versions, names and values that it does
// not know, values out of range and names that come twice. All text in an address is untrusted: show it as text.
import * as v from 'valibot';

/** What x counts in all charts of a run: steps, time or tokens, each from the beginning of its stage. */
export const X_KINDS = ['step', 'time', 'tokens'] as const;
export type XKind = (typeof X_KINDS)[number];

/** Panels that an address may hide, by the names that are written there. */
export const PANELS = [
  'drop',
  'recipe',
  'runs',
  'learning',
  'compare',
  'found',
  'theory',
  'rollouts',
  'try',
  'inspector',
  'ran',
  'storage',
] as const;
export type PanelName = (typeof PANELS)[number];

/** Charts that are zoomed together. */
export const ZOOMS = ['rlvr', 'e-step', 'losses'] as const;
export type ZoomName = (typeof ZOOMS)[number];

export interface View {
  x: XKind;
  logX: boolean;
  logY: boolean;
  /** Weight of the moving average, in [0, 0.99]. */
  smoothing: number;
  /** Names of the charts shown, in their order; null: the page's own choice. */
  charts: readonly string[] | null;
  /** Range of x, in what x counts. */
  zoom: Readonly<Partial<Record<ZoomName, readonly [number, number]>>>;
  hidden: readonly PanelName[];
  /** The outputs alone, without header and inputs, as a lesson or a slide wants them. */
  embed: boolean;
  /** Ids of the kept runs that are laid over each other. */
  compared: readonly string[];
}

export const DEFAULT_VIEW: View = {
  x: 'step',
  logX: false,
  logY: false,
  smoothing: 0.6,
  charts: null,
  zoom: {},
  hidden: [],
  embed: false,
  compared: [],
};

export const MAX_VIEW_CHARACTERS = 1024;
export const MAX_SMOOTHING = 0.99;
export const MAX_CHARTS = 16;
export const MAX_COMPARED = 20;
const VERSION = '1';
const CHART_NAME = /^[a-z0-9][a-z0-9:/._@-]{0,79}$/i;
const RUN_ID = /^[\w.-]{1,64}$/;

const list = <T extends v.GenericSchema<string, string>>(item: T, most: number) =>
  v.pipe(
    v.string(),
    v.transform((text) => text.split(',')),
    v.array(item),
    v.maxLength(most),
    v.check((items) => new Set(items).size === items.length),
  );
const zoomItem = v.pipe(v.string(), v.regex(/^[a-z-]+:[^:]+:[^:]+$/));
const schema = v.strictObject({
  view: v.literal(VERSION),
  x: v.optional(v.picklist(X_KINDS)),
  log: v.optional(v.picklist(['x', 'y', 'xy'])),
  smooth: v.optional(v.pipe(v.string(), v.regex(/^[01](\.\d{1,4})?$/), v.transform(Number), v.maxValue(MAX_SMOOTHING))),
  charts: v.optional(list(v.pipe(v.string(), v.regex(CHART_NAME)), MAX_CHARTS)),
  zoom: v.optional(list(zoomItem, ZOOMS.length)),
  hide: v.optional(list(v.picklist(PANELS), PANELS.length)),
  embed: v.optional(v.literal('1')),
  runs: v.optional(list(v.pipe(v.string(), v.regex(RUN_ID)), MAX_COMPARED)),
});

/** The two halves of an address's hash, each without # and the & between them; a half that is missing is ''. */
export function splitHash(hash: string): { link: string; view: string } {
  const text = hash.startsWith('#') ? hash.slice(1) : hash;
  if (text.startsWith('view=')) return { link: '', view: text };
  const at = text.indexOf('&view=');
  return at < 0 ? { link: text, view: '' } : { link: text.slice(0, at), view: text.slice(at + 1) };
}

/** '' when both halves are. */
export function joinHash(link: string, view: string): string {
  const halves = [link.replace(/^#/, ''), view].filter((half) => half !== '');
  return halves.length > 0 ? `#${halves.join('&')}` : '';
}

/** '' for the default view. Compared runs, then charts, that do not fit are left out from their ends. */
export function writeView(view: View): string {
  const kept = { ...view, compared: [...view.compared], charts: view.charts && [...view.charts] };
  for (;;) {
    const text = written(kept);
    if (text.length <= MAX_VIEW_CHARACTERS) return text;
    if (kept.compared.length > 0) kept.compared.pop();
    else kept.charts?.pop();
  }
}

function written(view: View): string {
  const log = `${view.logX ? 'x' : ''}${view.logY ? 'y' : ''}`;
  const zoom = ZOOMS.flatMap((name) => {
    const range = view.zoom[name];
    return range ? [`${name}:${rounded(range[0])}:${rounded(range[1])}`] : [];
  });
  const parts = [
    view.x === DEFAULT_VIEW.x ? '' : `x=${view.x}`,
    log ? `log=${log}` : '',
    view.smoothing === DEFAULT_VIEW.smoothing ? '' : `smooth=${Number(view.smoothing.toFixed(4))}`,
    view.charts?.length ? `charts=${view.charts.map(encoded).join(',')}` : '',
    zoom.length > 0 ? `zoom=${zoom.join(',')}` : '',
    view.hidden.length > 0 ? `hide=${view.hidden.join(',')}` : '',
    view.embed ? 'embed=1' : '',
    view.compared.length > 0 ? `runs=${view.compared.map(encoded).join(',')}` : '',
  ].filter((part) => part !== '');
  return parts.length > 0 ? `view=${VERSION}&${parts.join('&')}` : '';
}

/** The view that a part of an address describes, or the default one and why the part was ignored. */
export function readView(part: string): { view: View; problem: string | null } {
  const refused = (why: string) => ({
    view: DEFAULT_VIEW,
    problem: `The view in this address was ignored: ${why}. Check that it was copied whole, or set the view anew.`,
  });
  if (part === '') return { view: DEFAULT_VIEW, problem: null };
  if (part.length > 4 * MAX_VIEW_CHARACTERS) return refused(`it has ${part.length} characters; up to ${4 * MAX_VIEW_CHARACTERS} are read`);
  const fields = new Map<string, string>();
  for (const piece of part.split('&')) {
    const [name = '', value] = piece.split(/=(.*)/s);
    const text = value === undefined ? null : decoded(value);
    if (text === null) return refused(`"${shortened(piece)}" is no name with its value`);
    if (fields.has(name)) return refused(`"${shortened(name)}" comes twice`);
    fields.set(name, text);
  }
  const version = fields.get('view');
  if (version !== VERSION) return refused(`it has version ${shortened(version ?? '')}; this page reads version ${VERSION}`);
  const parsed = v.safeParse(schema, Object.fromEntries(fields));
  if (!parsed.success) {
    const name = String(parsed.issues[0].path?.[0]?.key ?? '');
    return refused(`"${shortened(name)}" cannot be "${shortened(fields.get(name) ?? '')}"`);
  }
  const { x, log = '', smooth, charts, zoom, hide, embed, runs } = parsed.output;
  const zooms: Partial<Record<ZoomName, readonly [number, number]>> = {};
  for (const item of zoom ?? []) {
    const [name, from, to] = item.split(':') as [ZoomName, string, string];
    const range = [Number(from), Number(to)] as const;
    if (!ZOOMS.includes(name) || !range.every(Number.isFinite) || range[0] >= range[1])
      return refused(`"zoom" cannot be "${shortened(item)}"`);
    zooms[name] = range;
  }
  const view: View = {
    x: x ?? DEFAULT_VIEW.x,
    logX: log.includes('x'),
    logY: log.includes('y'),
    smoothing: smooth ?? DEFAULT_VIEW.smoothing,
    charts: charts ?? DEFAULT_VIEW.charts,
    zoom: zooms,
    hidden: hide ?? [],
    embed: embed !== undefined,
    compared: runs ?? [],
  };
  return { view, problem: null };
}

/** Characters that need no escape in a hash stay readable. */
function encoded(text: string): string {
  return encodeURIComponent(text).replace(/%3A/g, ':').replace(/%2F/g, '/').replace(/%40/g, '@');
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

function rounded(value: number): number {
  return Number(value.toPrecision(6));
}

function shortened(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
