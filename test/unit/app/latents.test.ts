// What latents do, worked out by hand on a few programs; durations and agreement as a log gives them.
import { describe, expect, it } from 'vitest';
import { agreementAt, durationsAt, latentMap, neighbours, searchLatents, wordsOf } from '../../../src/app/latents.ts';
import { type InfusedProgram, type RunEvent, RunLog, type ShownTrace } from '../../../src/app/runLog.ts';
import { presetRecipe } from '../../../src/run/presets.ts';

const program = (prompt: string, ...lines: [text: string, thought?: string][]): InfusedProgram => ({
  prompt,
  lines: lines.map(([text, thought = null]) => ({ text, kind: 'k', thought, right: thought === null ? null : thought !== 'wrong' })),
});
const PROGRAMS = [
  program('one', ['x = 1'], ['x = f', 'f'], ['y = f']),
  program('two', ['x = f', 'f'], ['x = g', 'g']),
  program('three', ['x = g', 'g'], ['x = g'], ['y = g'], ['z = 9', 'wrong']),
];

const trace = (...thoughts: (string | null)[]): ShownTrace => ({
  prompt: 'p',
  lines: thoughts.map((thought, i) => ({ text: 'x', kind: '', thought, pThink: 0, lineLogprob: 0, gain: i, right: null })),
});

function logOf(change: (recipe: ReturnType<typeof presetRecipe>) => void, ...events: RunEvent[]): RunLog {
  const recipe = presetRecipe('recall-lines', 'quick');
  change(recipe);
  const adapter = { vendor: '', architecture: '', description: '', software: true, features: [] };
  const log = new RunLog();
  log.append([{ type: 'start', runId: 'r', recipe, adapter, version: '0', startedAt: '', parameters: 1 }, ...events]);
  return log;
}
const E_STEP = { stage: 'e-step', arm: 'ra3', iteration: 1 } as const;

describe('the map of latents', () => {
  const map = latentMap(PROGRAMS);

  it('counts each latent, where it begins and how long it holds', () => {
    expect(map.latents.map((l) => [l.thought, l.segments, l.share, l.programs, l.lines, l.meanDuration, l.starts])).toEqual([
      ['f', 2, 0.4, 2, 3, 1.5, [1, 1]],
      ['g', 2, 0.4, 2, 4, 2, [1, 1]],
      ['wrong', 1, 0.2, 1, 1, 1, [0, 0, 0, 1]],
    ]);
    expect([map.programs, map.segments, map.lines, map.withoutLatent]).toEqual([3, 5, 9, 1]);
    expect(map.latents.map((l) => [l.right, l.judged])).toEqual([
      [2, 2],
      [2, 2],
      [0, 1],
    ]);
  });

  it('names the words that tell its lines from all lines, with their lift', () => {
    // all three of f's lines have f, three of all nine do; "=" is everywhere and tells nothing
    expect(map.latents[0]!.words[0]).toEqual({ word: 'f', lines: 3, lift: 3 });
    expect(map.latents[0]!.words.map((w) => w.word)).not.toContain('=');
    expect(map.latents[2]!.words.map((w) => w.word)).toEqual(['9', 'z']);
  });

  it('shows where it does most: by gain where that is known, else by how long it holds', () => {
    expect(map.latents[1]!.places).toEqual([
      { prompt: 'three', from: 0, lines: ['x = g', 'x = g', 'y = g'], gain: null },
      { prompt: 'two', from: 1, lines: ['x = g'], gain: null },
    ]);
    const [only] = latentMap([trace('a', null, 'a', null)]).latents;
    expect(only!.places).toEqual([{ prompt: 'p', from: 2, lines: ['x', 'x'], gain: 5 }]);
    expect(only!.gain).toBe(3);
  });

  it('finds the latents that do the like: the same lines 1, other words below 0', () => {
    const like = latentMap([program('p', ['x = 1', 'a'], ['x = 1', 'b'], ['y * 2', 'c'])]);
    const near = neighbours(like, 'a');
    expect(near.map((n) => n.thought)).toEqual(['b', 'c']);
    expect(near[0]!.similarity).toBeCloseTo(1, 12);
    expect(near[1]!.similarity).toBeCloseTo(-1, 12);
    expect(neighbours(like, 'unknown')).toEqual([]);
  });

  it('is searched by thought, word, prompt or line, every word of the query', () => {
    const found = (query: string): string[] => searchLatents(map.latents, query).map((l) => l.thought);
    expect(found('')).toEqual(['f', 'g', 'wrong']);
    expect(found('TWO')).toEqual(['f', 'g']);
    expect(found('two g')).toEqual(['g']);
    expect(found('nowhere')).toEqual([]);
  });

  it('is empty where nobody thought', () => {
    expect(latentMap([program('p', ['x'])])).toMatchObject({ latents: [], segments: 0, lines: 1, withoutLatent: 1 });
    expect(latentMap([])).toMatchObject({ latents: [], lines: 0 });
  });

  it('reads words as people do', () => {
    expect(wordsOf('x1 = next(x)  -> é 12')).toEqual(['x1', '=', 'next', 'x', '->', 'é', '12']);
  });
});

describe('durations at a moment', () => {
  const moment = { at: 2, ref: E_STEP, step: 5, traces: [trace('a', null, null), trace(null, 'b', null)] };

  it('are those of all rollouts of the E-step, with the prior as it was logged beside them', () => {
    const values = {
      'segment/hist_1': 0.25,
      'segment/hist_2': 0.75,
      'segment/geometric_1': 0.5,
      'segment/geometric_2': 0.5,
      'prior/alpha': 0.5,
    };
    const log = logOf(() => {}, { type: 'metrics', step: 5, values, ...E_STEP });
    expect(durationsAt(log, moment)).toEqual({ shares: [0.25, 0.75], prior: [0.5, 0.5], alpha: 0.5, of: 'step' });
  });

  it('else those of the traces shown, against the literal prior cut by the programs’ ends', () => {
    const log = logOf((r) => Object.assign(r.ra3, { kl: 'literal', alpha: 0.5 }));
    const found = durationsAt(log, moment)!;
    expect(found).toMatchObject({ shares: [0, 0.5, 0.5], alpha: 0.5, of: 'shown' });
    // begun at line 1 of 3: 1/2, 1/4, the rest; at line 2 of 3: 1/2, the rest
    expect(found.prior).toEqual([0.5, 0.375, 0.125]);
  });

  it('have no prior where a penalty’s alpha was not logged, and are null without a thought', () => {
    const log = logOf(() => {});
    expect(durationsAt(log, moment)).toMatchObject({ prior: null, alpha: null });
    expect(durationsAt(log, { ...moment, traces: [trace(null, null)] })).toBeNull();
  });
});

it('agreement is what was measured at that moment, or null', () => {
  const values = { 'agreement/nmi': 0.5, 'agreement/ari': 0.25, 'agreement/boundary_f1': null };
  const log = logOf(() => {}, { type: 'metrics', step: 5, values, ...E_STEP });
  expect(agreementAt(log, { at: 2, ref: E_STEP, step: 5, traces: [] })).toEqual({ nmi: 0.5, ari: 0.25, boundaryF1: null });
  expect(agreementAt(log, { at: 2, ref: E_STEP, step: 4, traces: [] })).toBeNull();
  expect(agreementAt(log, { at: 2, ref: { stage: 'evaluate', arm: 'ra3', phase: 'before' }, step: 0, traces: [] })).toBeNull();
});
