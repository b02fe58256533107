// Run links: recipe, curves and results of a run in a URL hash of at most 7 KB (8 with a view beside it): #v3.<base64url(crc32, deflate-raw(JSON))>.
// The recipe is exact; curves are thinned and rounded until the whole fits, and so are the clocks that say at which time and token a step was.
// Opening a link only reads it: nothing starts.
// Refuses (LinkError) damaged, foreign, newer and bloated links; what comes out is rebuilt field by field by a strict schema. All text in it
// is untrusted: show it as text.
import * as v from 'valibot';
import type { AdapterReport, ArmResult, RunInputPrints } from '../run/events.ts';
import { ARMS, parseRecipe, RANGES, type Recipe, RecipeError } from '../run/recipe.ts';
import { crc32 } from '../formats/crc32.ts';
import { quote } from '../formats/formatError.ts';
import { deflateRaw, fromBase64Url, inflateRaw, toBase64Url } from './compressed.ts';
import { LINK_BASE_V1 } from './linkBase.ts';
import { LinkError } from './linkError.ts';
import type { LogDigest } from './logDigest.ts';
import {
  type Clock,
  type Curve,
  MAX_CLOCKS,
  MAX_CURVES,
  packClock,
  packCurve,
  PackedClockSchema,
  PackedCurveSchema,
  unpackClock,
  unpackCurve,
} from './packedCurve.ts';
import { applyDifference, recipeDifference } from './recipeDifference.ts';

export { LinkError } from './linkError.ts';
export type { Clock, Curve } from './packedCurve.ts';

/** Where a run ran, on what, and what came out of it bit for bit. */
export interface LinkEnvironment {
  adapter: Omit<AdapterReport, 'features'>;
  version: string;
  startedAt: string;
  parameters: number;
  inputs: RunInputPrints | null;
  /** null where the run did not finish. */
  digest: LogDigest | null;
}

export interface LinkState {
  recipe: Recipe;
  /** null in links of version 1. */
  environment: LinkEnvironment | null;
  /** In order of importance: what does not fit is thinned, then left out from the end. */
  curves: Curve[];
  results: ArmResult[];
  /** Of the stages that curves are of; none in links of versions 1 and 2. */
  clocks: Clock[];
}

/** With the view that may stand beside a link (up to 1,024 characters) an address has at most 8 KB of hash. */
export const MAX_LINK_CHARACTERS = 8192 - 1024;
const MAX_OPENED_CHARACTERS = 65_536;
const MAX_INFLATED_BYTES = 256 * 1024;
const MAX_MARKS = 64;
const MAX_THINK_LINES = 64;
const MAX_SHORT_TEXT = 120;
/** Of what is said about a link. */
const MAX_SAID = 600;
const MAX_PASS_KEYS = 16;
const MAX_RESULTS = ARMS.length * 2 * RANGES.length;
/** Points per curve and levels of y, tried in this order until the link fits. */
const FITS = [
  [400, 2047],
  [256, 1023],
  [192, 1023],
  [128, 511],
  [96, 511],
  [64, 255],
  [48, 255],
  [32, 127],
  [24, 127],
  [16, 127],
  [12, 63],
  [8, 63],
] as const;
const [FEWEST_POINTS, FEWEST_LEVELS] = FITS[FITS.length - 1]!;
/** Time and tokens run nearly straight. */
const CLOCK_POINTS = 24;
const CLOCK_LEVELS = 1023;

const finite = v.pipe(v.number(), v.finite());
const interval = v.strictObject({ mean: finite, lo: finite, hi: finite });
const result = v.strictObject({
  arm: v.picklist(ARMS),
  phase: v.picklist(['before', 'after']),
  range: v.optional(v.picklist(['edge', 'hard'])),
  passAt: v.record(v.pipe(v.string(), v.regex(/^\d{1,6}$/)), interval),
  thinkRate: finite,
  thinkByLine: v.pipe(v.array(finite), v.maxLength(MAX_THINK_LINES)),
  thoughtsPerProgram: finite,
  meanDuration: v.nullable(finite),
  contentRight: v.nullable(finite),
  heldOutNll: v.nullable(finite),
  agreement: v.optional(v.nullable(v.strictObject({ nmi: finite, ari: finite, boundaryF1: v.nullable(finite) }))),
});
const shortText = v.pipe(v.string(), v.maxLength(MAX_SHORT_TEXT));
const print = v.pipe(v.string(), v.regex(/^[0-9a-f]{0,64}$/));
const whole = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1e15));
const environment = v.strictObject({
  /** Vendor, architecture, description. */
  a: v.strictTuple([shortText, shortText, shortText]),
  software: v.boolean(),
  v: shortText,
  t: shortText,
  p: whole,
  /** Fingerprints of model and data. */
  i: v.nullable(v.strictTuple([print, print])),
  /** Count and marks of the digest, four bytes each. */
  d: v.nullable(v.strictTuple([whole, v.pipe(v.string(), v.maxLength(6 * MAX_MARKS))])),
});
const parts = {
  r: v.unknown(),
  c: v.pipe(v.array(PackedCurveSchema), v.maxLength(MAX_CURVES)),
  s: v.pipe(v.array(result), v.maxLength(MAX_RESULTS)),
};
const wire = {
  '1': v.strictObject(parts),
  '2': v.strictObject({ ...parts, e: environment }),
  '3': v.strictObject({ ...parts, e: v.nullable(environment), k: v.pipe(v.array(PackedClockSchema), v.maxLength(MAX_CLOCKS)) }),
};
type Version = keyof typeof wire;
const isVersion = (version: string): version is Version => Object.hasOwn(wire, version);

/** At most MAX_LINK_CHARACTERS, the leading # included. Results whose numbers are not finite are left out. */
export async function encodeLink({ recipe, curves, results, environment, clocks }: LinkState): Promise<string> {
  const r = recipeDifference(LINK_BASE_V1, recipe);
  const s = results
    .map(roundResult)
    .filter((each) => v.is(result, each))
    .slice(0, MAX_RESULTS);
  const e = environment && packEnvironment(environment);
  const write = (c: unknown[], k: unknown[] = []) =>
    k.length > 0
      ? packHash('3', JSON.stringify({ r, c, s, e, k }))
      : packHash(e ? '2' : '1', JSON.stringify(e ? { r, c, s, e } : { r, c, s }));
  let kept = curves.slice(0, MAX_CURVES);
  const timed = clocks.filter(({ x }) => x.length > 0).slice(0, MAX_CLOCKS);
  for (const [points, levels] of FITS) {
    const k = timed.map((clock) => packClock(clock, Math.min(points, CLOCK_POINTS), CLOCK_LEVELS));
    const hash = await write(
      kept.map((curve) => packCurve(curve, points, levels)),
      k,
    );
    if (hash.length <= MAX_LINK_CHARACTERS) return hash;
  }
  while (kept.length > 0) {
    kept = kept.slice(0, Math.floor(kept.length * 0.8));
    const hash = await write(kept.map((curve) => packCurve(curve, FEWEST_POINTS, FEWEST_LEVELS)));
    if (hash.length <= MAX_LINK_CHARACTERS) return hash;
  }
  throw new LinkError('The recipe alone is too long for a link. Shorten its name and field names, or share the bundle.');
}

/** @param hash with or without the leading #. */
export async function decodeLink(hash: string): Promise<LinkState> {
  const { version, text } = unpackHash(hash.startsWith('#') ? hash : `#${hash}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw damaged('its content is not JSON');
  }
  const parsed = v.safeParse<(typeof wire)[Version]>(wire[version], value);
  if (!parsed.success) throw damaged(misfit(parsed.issues[0]));
  const { r, c, s } = parsed.output;
  const curves = c.map(unpackCurve);
  if (curves.includes(null)) throw damaged('a curve has points that are not numbers');
  const clocks = 'k' in parsed.output ? parsed.output.k.map(unpackClock) : [];
  if (clocks.includes(null)) throw damaged('its times do not rise');
  const environment = 'e' in parsed.output && parsed.output.e ? unpackEnvironment(parsed.output.e) : null;
  return { recipe: readRecipe(r), environment, curves: curves as Curve[], results: s, clocks: clocks as Clock[] };
}

function packEnvironment({ adapter, version, startedAt, parameters, inputs, digest }: LinkEnvironment): v.InferOutput<typeof environment> {
  const short = (text: string): string => text.slice(0, MAX_SHORT_TEXT);
  return {
    a: [short(adapter.vendor), short(adapter.architecture), short(adapter.description)],
    software: adapter.software,
    v: short(version),
    t: short(startedAt),
    p: parameters,
    i: inputs && [inputs.model, inputs.data],
    d: digest && [digest.count, packMarks(digest.marks)],
  };
}

function unpackEnvironment({ a, software, v: version, t, p, i, d }: v.InferOutput<typeof environment>): LinkEnvironment {
  const [vendor, architecture, description] = a;
  const marks = d && unpackMarks(d[1]);
  if (d && (!marks || marks.length > d[0] || (marks.length === 0) !== (d[0] === 0))) throw damaged('its checksums of the run do not fit');
  return {
    adapter: { vendor, architecture, description, software },
    version,
    startedAt: t,
    parameters: p,
    inputs: i && { model: i[0], data: i[1] },
    digest: d && marks && { count: d[0], marks },
  };
}

function packMarks(marks: readonly number[]): string {
  const bytes = new Uint8Array(4 * marks.length);
  const view = new DataView(bytes.buffer);
  marks.forEach((mark, i) => view.setUint32(4 * i, mark, true));
  return toBase64Url(bytes);
}

function unpackMarks(text: string): number[] | null {
  const bytes = fromBase64Url(text);
  if (!bytes || bytes.length % 4 !== 0) return null;
  const view = new DataView(bytes.buffer);
  return Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(4 * i, true));
}

function readRecipe(changed: unknown): Recipe {
  const whole = applyDifference(LINK_BASE_V1, changed);
  if ('misfit' in whole)
    throw damaged(whole.misfit === '' ? 'it has no recipe' : `its recipe sets ${quote(whole.misfit)}, as no recipe does`);
  try {
    return structuredClone(parseRecipe(whole.result));
  } catch (error) {
    if (error instanceof RecipeError) throw damaged(error.message);
    throw error;
  }
}

async function packHash(version: Version, json: string): Promise<string> {
  const deflated = await deflateRaw(new TextEncoder().encode(json));
  const payload = new Uint8Array(4 + deflated.length);
  new DataView(payload.buffer).setUint32(0, crc32(deflated), true);
  payload.set(deflated, 4);
  return `#v${version}.${toBase64Url(payload)}`;
}

function unpackHash(hash: string): { version: Version; text: string } {
  if (hash.length > MAX_OPENED_CHARACTERS) throw damaged(`it has ${hash.length} characters; up to ${MAX_OPENED_CHARACTERS} are read`);
  const [prefix, version = ''] = /^#v(\d{1,4})\./.exec(hash) ?? [];
  if (prefix === undefined)
    throw new LinkError('This is not a run link: it does not begin with #v1, #v2 or #v3. Check that it was copied whole.');
  if (!isVersion(version)) {
    throw new LinkError(`This link has version ${version}; this page reads versions 1 to 3. Reload the page to get its newest release.`);
  }
  const payload = fromBase64Url(hash.slice(prefix.length));
  if (!payload || payload.length < 5) throw damaged('it is not base64url');
  const deflated = payload.subarray(4);
  if (new DataView(payload.buffer).getUint32(0, true) !== crc32(deflated)) throw damaged('its checksum does not match');
  const inflated = inflateRaw(deflated, MAX_INFLATED_BYTES);
  if (inflated === 'too long') throw damaged(`it unpacks to more than ${MAX_INFLATED_BYTES / 1024} KB`);
  if (inflated === 'damaged') throw damaged('it cannot be unpacked');
  try {
    return { version, text: new TextDecoder('utf-8', { fatal: true }).decode(inflated) };
  } catch {
    throw damaged('its content is not UTF-8');
  }
}

function damaged(why: string): LinkError {
  return new LinkError(
    `This link cannot be opened: ${short(why).replace(/\.$/, '')}. Check that it was copied whole, or ask for it again.`,
  );
}

/** What stands where, and what should. */
function misfit(issue: v.BaseIssue<unknown>): string {
  const { expected, received } = issue;
  const place = short(v.getDotPath(issue) ?? 'content', 60);
  if (received === 'undefined') return `its ${place} is missing`;
  if (expected === 'never') return `it has ${place}, which no link has`;
  return `its ${place} is ${short(received, 60)}${expected === null ? '' : `, not ${short(expected, 120)}`}`;
}

/** Text of the link in a message: cut. */
function short(text: string, limit = MAX_SAID): string {
  return text.length > limit ? `${text.slice(0, limit)}…` : text;
}

function roundResult(each: ArmResult): ArmResult {
  const passAt: ArmResult['passAt'] = {};
  for (const [k, { mean, lo, hi }] of Object.entries(each.passAt).slice(0, MAX_PASS_KEYS)) {
    passAt[k] = { mean: round(mean), lo: round(lo), hi: round(hi) };
  }
  return {
    arm: each.arm,
    phase: each.phase,
    ...(each.range ? { range: each.range } : {}),
    passAt,
    thinkRate: round(each.thinkRate),
    thinkByLine: each.thinkByLine.slice(0, MAX_THINK_LINES).map(round),
    thoughtsPerProgram: round(each.thoughtsPerProgram),
    meanDuration: roundOrNull(each.meanDuration),
    contentRight: roundOrNull(each.contentRight),
    heldOutNll: roundOrNull(each.heldOutNll),
    ...(each.agreement === undefined ? {} : { agreement: each.agreement && roundAgreement(each.agreement) }),
  };
}

function roundAgreement({ nmi, ari, boundaryF1 }: NonNullable<ArmResult['agreement']>): ArmResult['agreement'] {
  return { nmi: round(nmi), ari: round(ari), boundaryF1: roundOrNull(boundaryF1) };
}

function round(value: number): number {
  return Number(value.toPrecision(5));
}

function roundOrNull(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? round(value) : null;
}
