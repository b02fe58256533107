// What the latents of a run do: for each its count, where it is chosen, the lines that it holds over and their words, the latents nearest to it; how long
// latents last beside the sticky prior, and their agreement with the truth, at one moment. Pure.
// A latent is a thought's text. A word is a run of letters, of digits, or of signs that are neither brackets nor punctuation: what a person reads, not
// the model's tokens.
// Promises null where the log has nothing of the kind. Refuses nothing.
import { durationShares, geometricShares } from '../midtrain/durations.ts';
import type { InfusedProgram, Moment, RunLog, ShownTrace } from './runLog.ts';

/** A program with thoughts; gains are known of traces alone. */
export type ThoughtProgram = InfusedProgram | ShownTrace;
type ThoughtLine = InfusedProgram['lines'][number] & { gain?: number };

export interface WordUse {
  word: string;
  /** Lines held by the latent that have it. */
  lines: number;
  /** Its share of the latent's lines over its share of all lines: 1 = no more than anywhere. */
  lift: number;
}

export interface Place {
  prompt: string;
  /** Line of the thought, from 0, and the lines that it holds over. */
  from: number;
  lines: string[];
  /** Sum of the lines' gains, nats; null where gains are not known. */
  gain: number | null;
}

export interface Latent {
  thought: string;
  segments: number;
  /** Of all segments. */
  share: number;
  programs: number;
  lines: number;
  meanDuration: number;
  /** How often it begins before line 1, 2, ... */
  starts: number[];
  right: number;
  judged: number;
  /** Mean per segment, nats; null where gains are not known. */
  gain: number | null;
  /** Those that tell it from all lines, most telling first. */
  words: WordUse[];
  /** Where it is chosen and does most: by gain where that is known, else by how long it holds. */
  places: Place[];
}

export interface LatentMap {
  /** Most frequent first. */
  latents: Latent[];
  programs: number;
  segments: number;
  lines: number;
  /** Lines before the first thought of their program. */
  withoutLatent: number;
  /** Per latent, in the same order: shares of its lines that have each word, less those of all lines. */
  profiles: Map<string, number>[];
}

const TOP_WORDS = 8;
const TOP_PLACES = 3;

export function wordsOf(text: string): string[] {
  return text.match(/[\p{L}_][\p{L}\p{N}_]*|\p{N}+|[^\s\p{L}\p{N}_()[\]{}.,:;'"]+/gu) ?? [];
}

interface Held {
  thought: string;
  program: number;
  from: number;
  lines: ThoughtLine[];
}

function heldBy(lines: readonly ThoughtLine[], program: number): Held[] {
  const out: Held[] = [];
  lines.forEach((line, from) => {
    if (line.thought !== null) out.push({ thought: line.thought, program, from, lines: [line] });
    else out.at(-1)?.lines.push(line);
  });
  return out;
}

export function latentMap(programs: readonly ThoughtProgram[]): LatentMap {
  const all = programs.flatMap((p, i) => heldBy(p.lines, i));
  const lines = programs.reduce((n, p) => n + p.lines.length, 0);
  const everywhere = lineShares(programs.flatMap((p) => p.lines));
  const byThought = new Map<string, Held[]>();
  for (const held of all) byThought.set(held.thought, [...(byThought.get(held.thought) ?? []), held]);
  const groups = [...byThought.values()].sort((a, b) => b.length - a.length);
  const shares = groups.map((own) => lineShares(own.flatMap((h) => h.lines)));
  return {
    latents: groups.map((own, i) => describe(own, all.length, programs, shares[i]!, everywhere)),
    programs: programs.length,
    segments: all.length,
    lines,
    withoutLatent: lines - all.reduce((n, h) => n + h.lines.length, 0),
    profiles: shares.map((own) => {
      const profile = new Map([...everywhere].map(([word, share]) => [word, -share]));
      for (const [word, share] of own) profile.set(word, share - everywhere.get(word)!);
      return profile;
    }),
  };
}

/** Of the lines, the fraction that has each word. */
function lineShares(lines: readonly { text: string }[]): Map<string, number> {
  const shares = new Map<string, number>();
  for (const { text } of lines) for (const word of new Set(wordsOf(text))) shares.set(word, (shares.get(word) ?? 0) + 1 / lines.length);
  return shares;
}

function describe(
  own: readonly Held[],
  segments: number,
  programs: readonly ThoughtProgram[],
  shares: Map<string, number>,
  everywhere: Map<string, number>,
): Latent {
  const lines = own.reduce((n, h) => n + h.lines.length, 0);
  const starts = new Array<number>(Math.max(...own.map((h) => h.from)) + 1).fill(0);
  for (const { from } of own) starts[from]!++;
  const first = own.map((h) => h.lines[0]!.right);
  const gains = own.map(gainOf);
  const known = gains.filter((gain) => gain !== null);
  return {
    thought: own[0]!.thought,
    segments: own.length,
    share: own.length / segments,
    programs: new Set(own.map((h) => h.program)).size,
    lines,
    meanDuration: lines / own.length,
    starts,
    right: first.filter((right) => right === true).length,
    judged: first.filter((right) => right !== null).length,
    gain: known.length > 0 ? known.reduce((a, b) => a + b, 0) / known.length : null,
    words: tellingWords(shares, everywhere, lines),
    places: topPlaces(own, programs),
  };
}

function gainOf({ lines }: Held): number | null {
  let sum = 0;
  for (const { gain } of lines) {
    if (gain === undefined) return null;
    sum += gain;
  }
  return sum;
}

/** By share x log lift: how much a word tells the latent's lines from all lines. */
function tellingWords(shares: Map<string, number>, everywhere: Map<string, number>, lines: number): WordUse[] {
  return [...shares]
    .map(([word, share]) => ({ word, lines: Math.round(share * lines), lift: share / everywhere.get(word)!, share }))
    .filter(({ lift }) => lift > 1.0001)
    .sort((a, b) => b.share * Math.log(b.lift) - a.share * Math.log(a.lift) || (a.word < b.word ? -1 : 1))
    .slice(0, TOP_WORDS)
    .map(({ word, lines: n, lift }) => ({ word, lines: n, lift }));
}

/** One place of each program at most. */
function topPlaces(own: readonly Held[], programs: readonly ThoughtProgram[]): Place[] {
  const ranked = own
    .map((held) => ({ held, gain: gainOf(held) }))
    .sort((a, b) => (b.gain ?? 0) - (a.gain ?? 0) || b.held.lines.length - a.held.lines.length);
  const seen = new Set<number>();
  return ranked
    .filter(({ held }) => !seen.has(held.program) && seen.add(held.program))
    .slice(0, TOP_PLACES)
    .map(({ held, gain }) => ({
      prompt: programs[held.program]!.prompt,
      from: held.from,
      lines: held.lines.map((l) => l.text),
      gain,
    }));
}

/** The latents whose lines have the most similar words: cosine of their profiles. Those that do the opposite are below 0. */
export function neighbours(map: LatentMap, thought: string, most = 5): { thought: string; similarity: number }[] {
  const at = map.latents.findIndex((l) => l.thought === thought);
  const own = map.profiles[at];
  if (!own) return [];
  return map.latents
    .flatMap((l, i) => (i === at ? [] : [{ thought: l.thought, similarity: cosine(own, map.profiles[i]!) }]))
    .sort((a, b) => b.similarity - a.similarity)
    .slice(0, most);
}

function cosine(a: Map<string, number>, b: Map<string, number>): number {
  let dot = 0;
  let aa = 0;
  let bb = 0;
  for (const [word, x] of a) {
    dot += x * (b.get(word) ?? 0);
    aa += x * x;
  }
  for (const y of b.values()) bb += y * y;
  return aa > 0 && bb > 0 ? dot / Math.sqrt(aa * bb) : 0;
}

/** Latents in whose thought, telling words or places every word of the query occurs; all of them for an empty one. */
export function searchLatents(latents: readonly Latent[], query: string): Latent[] {
  const wanted = query.toLowerCase().split(/\s+/).filter(Boolean);
  return latents.filter(({ thought, words, places }) => {
    const text = [thought, ...words.map((w) => w.word), ...places.flatMap((p) => [p.prompt, ...p.lines])].join('\n').toLowerCase();
    return wanted.every((word) => text.includes(word));
  });
}

export interface Durations {
  /** Fractions of the segments that last 1, 2, ... lines. */
  shares: number[];
  /** The same if durations came from the sticky prior, P(d) = (1 - alpha) alpha^(d-1), cut by the programs' ends; null where alpha is not known. */
  prior: number[] | null;
  alpha: number | null;
  /** Of all rollouts of this E-step, or of the programs shown alone. */
  of: 'step' | 'shown';
}

const MOST_LINES = 16;

/** How long thoughts hold at a moment; null without a thought. */
export function durationsAt(log: RunLog, moment: Moment): Durations | null {
  const alpha = priorAlpha(log, moment);
  const listed = (name: string): number[] => {
    const out: number[] = [];
    for (let d = 1; d <= MOST_LINES; d++) {
      const value = log.valueAt(moment.ref, `${name}_${d}`, moment.step);
      if (value === null) break;
      out.push(value);
    }
    return out;
  };
  const shares = listed('segment/hist');
  const prior = listed('segment/geometric');
  if (shares.length > 0) return { shares, prior: prior.length === shares.length ? prior : null, alpha, of: 'step' };
  const thinks = moment.traces.map((trace) => trace.lines.map((line) => (line.thought === null ? 0 : 1)));
  const most = Math.min(MOST_LINES, Math.max(0, ...thinks.map((t) => t.length)));
  const shown = durationShares(thinks, most);
  if (!shown) return null;
  return { shares: shown, prior: alpha === null ? null : geometricShares(thinks, alpha, most), alpha, of: 'shown' };
}

/** Persistence of the sticky prior: the recipe's own, or the one that its penalty c stands for, as an E-step logged it. */
export function priorAlpha(log: RunLog, moment: Moment): number | null {
  const ra3 = log.start?.recipe.ra3;
  if (ra3?.kl === 'literal') return ra3.alpha;
  return log.valueAt(moment.ref, 'prior/alpha', moment.step) ?? log.latestBefore(Number.POSITIVE_INFINITY, 'prior/alpha');
}

export interface AgreementAt {
  nmi: number;
  ari: number | null;
  boundaryF1: number | null;
}

/** Agreement with the truth as measured at this moment: by the E-step on its rollouts, or where the arm was judged. Null where it was not measured. */
export function agreementAt(log: RunLog, { ref, step }: Moment): AgreementAt | null {
  if (ref.stage === 'evaluate') {
    const result = log
      .resultsBefore(Number.POSITIVE_INFINITY)
      .find((r) => r.arm === ref.arm && r.phase === ref.phase && r.range === undefined);
    return result?.agreement ?? null;
  }
  const at = (name: string): number | null => log.valueAt(ref, `agreement/${name}`, step);
  const nmi = at('nmi');
  return nmi === null ? null : { nmi, ari: at('ari'), boundaryF1: at('boundary_f1') };
}
