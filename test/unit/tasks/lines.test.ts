// The built-in tasks: truth, verifier, rates of the pre-training corpus, printing.
import { describe, expect, it } from 'vitest';
import { BUILTIN_TASKS, builtinTask } from '../../../src/tasks/builtin.ts';
import { type Program, RANGES } from '../../../src/tasks/task.ts';
import { makeRng } from '../../../src/tasks/rng.ts';

const written = (program: { lines: { tokens: number[] }[] }) => program.lines.map((l) => [...l.tokens]);

describe.each(BUILTIN_TASKS.map((task) => [task.id, task] as const))('%s', (_, task) => {
  const programs = task.samplePrograms(makeRng(1, 0), 400);

  it('gives the same programs for the same seed', () => {
    expect(task.samplePrograms(makeRng(1, 0), 3)).toEqual(programs.slice(0, 3));
  });
  it('uses only ids of its vocabulary and never more than maxTokens', () => {
    for (const trace of task.samplePretraining(makeRng(2, 0), 200)) {
      const ids = [...trace.program.prompt, ...trace.program.lines.flatMap((l) => l.tokens), ...trace.latents.flatMap((l) => l ?? [])];
      expect(ids.every((id) => id >= 0 && id < task.tokens.length)).toBe(true);
    }
    const p = programs[0]!;
    expect(p.prompt.length + p.lines.reduce((s, l) => s + l.tokens.length + 2, 0)).toBe(task.maxTokens);
    expect(task.model.vocab_size).toBe(task.tokens.length);
  });
  it('accepts every expert program', () => {
    for (const p of programs) expect(task.verify(p, written(p))).toEqual({ reward: 1, lineOk: p.lines.map(() => true) });
  });
  it('has longer programs for the ranges beyond the trained one, within the positions of its model', () => {
    for (const range of RANGES) {
      const [p] = task.samplePrograms(makeRng(3, 0), 1, range);
      expect(p!.lines).toHaveLength(task.ranges[range].lines);
      expect(p!.prompt.length + p!.lines.reduce((s, l) => s + l.tokens.length + 2, 0)).toBe(task.ranges[range].maxTokens);
      expect(task.verify(p!, written(p!)).reward).toBe(1);
      expect(task.ranges[range].maxTokens).toBeLessThanOrEqual(task.model.max_position_embeddings);
    }
    expect(task.ranges.in).toEqual({ lines: task.lines, maxTokens: task.maxTokens });
  });
  it('knows where an oracle thinks: a right thought of its own codes, at every useful line at the latest', () => {
    const { latent } = task;
    if (latent.kind !== 'codebook') throw new Error('These tasks have codebooks.');
    for (const p of programs) {
      let held: number[] | null = null;
      for (const line of p.truth) {
        if (line.oracle) {
          held = line.oracle;
          expect(line.oracle).toEqual(line.latent);
          expect(held[0]! >= latent.contentLo && held[0]! < latent.contentHi).toBe(true);
        }
        if (line.useful) expect(held).toEqual(line.latent);
      }
    }
  });
  it('has an annotator whose comments are sometimes right and sometimes not', () => {
    const rng = makeRng(4, 0);
    const comments = programs.flatMap((p) => task.annotate(rng, p).map((own, t) => ({ own, truth: p.truth[t]!.latent })));
    const made = comments.filter(({ own }) => own !== null);
    const right = made.filter(({ own, truth }) => own!.join() === truth?.join());
    expect(made.length).toBeGreaterThan(0.05 * comments.length);
    expect(right.length).toBeGreaterThan(0.4 * made.length);
    expect(right.length).toBeLessThan(made.length);
  });
  it('prints one string per line, thoughts as comments of their own', () => {
    const { latent } = task;
    const code = latent.kind === 'codebook' ? latent.contentLo + 4 : 0;
    const trace = { program: programs[0]!, latents: programs[0]!.lines.map((_line, t) => (t === 1 ? [code] : null)) };
    const text = task.render(trace);
    expect(text).toHaveLength(1 + task.lines + 1);
    expect(text.filter((s) => s.startsWith('#'))).toEqual([text[2]]);
    expect(text[2]).toMatch(/ e$/i);
  });
});

/** Tasks whose lines write one letter, judged line by line. */
const LETTER_TASKS = BUILTIN_TASKS.filter((task) => task.id !== 'macro-lists');

describe.each(LETTER_TASKS.map((task) => [task.id, task] as const))('%s', (_, task) => {
  const programs = task.samplePrograms(makeRng(1, 0), 400);

  it('fails the line that is wrong, and judges the next by what was written', () => {
    for (const p of programs.slice(0, 50)) {
      const w = written(p);
      w[2]![0] = (w[2]![0]! + 1) % task.symbolHi;
      const verdict = task.verify(p, w);
      expect(verdict.reward).toBe(0);
      expect(verdict.lineOk[1]).toBe(true);
      expect(verdict.lineOk[2]).toBe(false);
    }
    // A rollout that goes on rightly from a wrong symbol is right from there on: built by following the verifier line by line.
    const p = programs[0]!;
    const w = written(p);
    w[0]![0] = (w[0]![0]! + 2) % task.symbolHi;
    for (let t = 1; t < task.lines; t++) {
      for (let y = 0; y < task.symbolHi; y++) {
        w[t]![0] = y;
        if (task.verify(p, w).lineOk[t]) break;
      }
    }
    expect(task.verify(p, w).lineOk).toEqual(p.lines.map((_line, t) => t > 0));
  });
  it('fails lines that hold no symbol, without throwing', () => {
    const p = programs[0]!;
    expect(
      task
        .verify(
          p,
          p.lines.map(() => []),
        )
        .lineOk.every((ok) => !ok),
    ).toBe(true);
    expect(() => task.verify(p, [])).toThrow(/0 lines given/);
  });
});

describe('recall lines', () => {
  const task = builtinTask('recall-lines');
  it('never recalls on the first line and recalls on 40 % of the others', () => {
    const programs = task.samplePrograms(makeRng(5, 0), 2000);
    expect(programs.every((p) => p.truth[0]!.kind === 'plain')).toBe(true);
    const later = programs.flatMap((p) => p.truth.slice(1));
    expect(later.filter((t) => t.useful).length / later.length).toBeCloseTo(0.4, 1);
    expect(programs.every((p) => p.truth.every((t) => t.latent![0] === p.prompt[1]))).toBe(true);
  });
  it('comments 20 % of pre-training documents, a quarter of their lines with the key', () => {
    const traces = task.samplePretraining(makeRng(6, 0), 5000);
    const thoughts = traces.flatMap((t) => t.latents.map((l) => (l ? l[0] === t.program.prompt[1] : null)));
    expect(thoughts.filter((t) => t !== null).length / thoughts.length).toBeCloseTo(0.2 * (0.25 + 0.75 * 0.05), 2);
    const right = thoughts.filter((t) => t === true).length / thoughts.filter((t) => t !== null).length;
    expect(right).toBeCloseTo((0.25 + 0.0375 / 6) / 0.2875, 1);
  });
  it('prints what a person can read', () => {
    const program = task.samplePrograms(makeRng(9, 0), 1)[0]!;
    program.prompt = [6, 2, 0, 9];
    program.lines = program.lines.map((l, t) => ({ ...l, tokens: [t === 1 ? 2 : 1, t === 0 ? 10 : 9] }));
    const text = task.render({ program, latents: program.lines.map((_l, t) => (t === 0 ? [2] : null)) });
    expect(text.slice(0, 4)).toEqual(['key = "c"; x = "a"', '# key is c', 'x = next(x)  -> b', 'x = key      -> c']);
  });
});

describe('section lines', () => {
  const task = builtinTask('section-lines');
  const programs = task.samplePrograms(makeRng(5, 0), 2000);
  const lengths = (p: Program) => {
    const begins = p.truth.flatMap((t, i) => (t.oracle ? [i] : []));
    return begins.map((b, k) => (begins[k + 1] ?? p.lines.length) - b);
  };
  it('announces each section with its key, another one than before, and begins it there', () => {
    for (const p of programs.slice(0, 200)) {
      let key = -1;
      p.truth.forEach((truth, t) => {
        const mode = task.tokens[t === 0 ? p.prompt[2]! : p.lines[t - 1]!.tokens[1]!]!;
        const said = /^<section (.)>$/.exec(mode)?.[1];
        expect(truth.kind).toBe(said ? 'begins' : mode.slice(1, -1));
        expect(truth.oracle).toEqual(said ? [task.tokens.indexOf(said)] : null);
        if (said) expect(truth.oracle![0]).not.toBe(key);
        key = truth.oracle?.[0] ?? key;
        expect(truth.latent).toEqual([key]);
        if (truth.kind === 'recall') expect(p.lines[t]!.tokens[0]).toBe(key);
      });
      expect(p.truth[0]!.kind).toBe('begins');
      expect(Math.min(...lengths(p).slice(0, -1))).toBeGreaterThanOrEqual(3);
    }
  });
  it('recalls on 40 % of the lines that begin nothing', () => {
    const later = programs.flatMap((p) => p.truth.filter((t) => t.kind !== 'begins'));
    expect(later.filter((t) => t.useful).length / later.length).toBeCloseTo(0.4, 1);
  });
  it('ends a section of three lines or more with probability 0.35, and has longer ones beyond the trained range', () => {
    const whole = programs.flatMap((p) => lengths(p).slice(0, 1)).filter((n) => n < task.lines);
    expect(whole.filter((n) => n === 3).length / programs.length).toBeCloseTo(0.35, 1);
    const mean = (range: 'in' | 'edge' | 'hard') => {
      const all = task.samplePrograms(makeRng(6, 0), 300, range).flatMap(lengths);
      return all.reduce((s, n) => s + n, 0) / all.length;
    };
    expect(mean('edge')).toBeGreaterThan(1.2 * mean('in'));
    expect(mean('hard')).toBeGreaterThan(1.5 * mean('edge'));
  });
  it('prints what a person can read', () => {
    const program = task.samplePrograms(makeRng(9, 0), 1)[0]!;
    program.prompt = [6, 0, 13];
    program.lines = program.lines.map((l, t) => ({ ...l, tokens: [t === 1 ? 2 : 1, t === 0 ? 10 : 9] }));
    const text = task.render({ program, latents: program.lines.map((_l, t) => (t === 0 ? [2] : null)) });
    expect(text.slice(0, 4)).toEqual(['x = "a"', '# key is c', 'key = "c"; x = next(x)  -> b', 'x = key      -> c']);
  });
});

describe('control lines', () => {
  const task = builtinTask('control-lines');
  it('are recall lines in full view, on which no thought is of use', () => {
    const recall = builtinTask('recall-lines');
    const bare = (programs: Program[]) => programs.map(({ prompt, lines }) => ({ prompt, lines }));
    const programs = task.samplePrograms(makeRng(5, 0), 50, 'edge');
    expect(bare(programs)).toEqual(bare(recall.samplePrograms(makeRng(5, 0), 50, 'edge')));
    expect(programs.every((p) => p.truth.every((t) => !t.useful))).toBe(true);
    const latents = (of: typeof task) => of.samplePretraining(makeRng(6, 0), 200).map((t) => t.latents);
    expect(latents(task)).toEqual(latents(recall));
    expect([task.window, task.model]).toEqual([0, recall.model]);
  });
});

describe('pointer lines', () => {
  const task = builtinTask('pointer-lines');
  it('has p[x] as the right thought of every hard line and none on easy ones', () => {
    for (const p of task.samplePrograms(makeRng(5, 0), 100)) {
      const pairs = p.prompt.slice(1, 11).map((id) => task.tokens[id]!.split(': ').map((s) => task.tokens.indexOf(s)) as [number, number]);
      const map = new Map(pairs);
      expect([map.size, new Set(map.values()).size]).toEqual([10, 10]);
      let x = p.prompt[11]!;
      p.lines.forEach((line, t) => {
        const truth = p.truth[t]!;
        if (truth.useful) {
          expect(truth.latent).toEqual([map.get(x)]);
          expect(line.tokens[0]).toBe(map.get(truth.latent![0]!));
        } else {
          expect(truth.latent).toBeNull();
          expect(line.tokens[0]).toBe(map.get(x));
        }
        x = line.tokens[0]!;
      });
    }
  });
  it('comments half of the hard lines with the middle symbol and 15 % of the rest with any, in 20 % of pre-training documents', () => {
    const rng = makeRng(6, 0);
    const lines = task.samplePrograms(rng, 2000).flatMap((p) => task.annotate(rng, p).map((own, t) => ({ own, ...p.truth[t]! })));
    const rate = (of: typeof lines, holds: (line: (typeof lines)[number]) => boolean) => of.filter(holds).length / of.length;
    const hard = lines.filter((line) => line.useful);
    const easy = lines.filter((line) => !line.useful);
    expect(rate(hard, ({ own, latent }) => own?.[0] === latent![0])).toBeCloseTo(0.5 + 0.5 * 0.15 * 0.1, 1);
    expect(rate(easy, ({ own }) => own !== null)).toBeCloseTo(0.15, 1);
    const commented = task.samplePretraining(rng, 2000).filter(({ latents }) => latents.some((own) => own !== null));
    expect(commented.length / 2000).toBeGreaterThan(0.14);
    expect(commented.length / 2000).toBeLessThan(0.21);
  });
  it('prints what a person can read', () => {
    const program = task.samplePrograms(makeRng(9, 0), 1)[0]!;
    const id = (text: string) => task.tokens.indexOf(text);
    program.prompt = [10, ...[...'abcdefghij'].map((k, i) => id(`${k}: ${'bcdefghija'[i]}`)), id('a'), id('<hard>')];
    program.lines = program.lines.map((l, t) => ({ ...l, tokens: [t + 2, id('<easy>')] }));
    const text = task.render({ program, latents: program.lines.map((_l, t) => (t === 0 ? [1] : null)) });
    expect(text[0]).toBe('p = {a: b, b: c, c: d, d: e, e: f, f: g, g: h, h: i, i: j, j: a}; x = a');
    expect(text.slice(1, 4)).toEqual(['# p[x] is b', 'x = p[p[x]]  -> c', 'x = p[x]     -> d']);
    expect(task.verify(program, written(program))).toEqual({ reward: 1, lineOk: program.lines.map(() => true) });
  });
  it('switches mode with probability 0.3', () => {
    const kinds = task.samplePrograms(makeRng(7, 0), 2000).map((p) => p.truth.map((t) => t.kind));
    const switches = kinds.flatMap((k) => k.slice(1).map((kind, t) => kind !== k[t]));
    expect(switches.filter(Boolean).length / switches.length).toBeCloseTo(0.3, 1);
  });
});

describe('macro lists', () => {
  const task = builtinTask('macro-lists');
  const [program] = task.samplePrograms(makeRng(6, 0), 1) as [Program];
  it('shows what its program does', () => {
    const does: Record<string, (x: number[]) => number[]> = {
      reverse: ([a, b, c, d, e]) => [e!, d!, c!, b!, a!],
      sort: (x) => x.toSorted(),
      rotate: ([a, b, c, d, e]) => [b!, c!, d!, e!, a!],
      increment: (x) => x.map((d) => (d === 9 ? 0 : d + 1)),
      double: (x) => x.map((d) => (d + d) % 10),
      negate: (x) => x.map((d) => (d === 0 ? 0 : 10 - d)),
      swap: ([a, b, c, d, e]) => [b!, a!, c!, d!, e!],
      cumsum: ([a, b, c, d, e]) => [a!, a! + b!, a! + b! + c!, a! + b! + c! + d!, a! + b! + c! + d! + e!].map((n) => n % 10),
      diff: ([a, b, c, d, e]) => [a!, b! - a!, c! - b!, d! - c!, e! - d!].map((n) => (n < 0 ? n + 10 : n)),
    };
    for (const p of task.samplePrograms(makeRng(8, 0), 100)) {
      for (let k = 0; k < 3; k++) {
        const pair = p.prompt.slice(1 + 11 * k, 12 + 11 * k);
        expect(task.tokens[pair[5]!]).toBe('<to>');
        const after = p.lines.reduce((y, line) => does[task.tokens[line.tokens[0]!]!]!(y), pair.slice(0, 5));
        expect(pair.slice(6)).toEqual(after);
      }
    }
  });
  it('takes another program that does the same, and none that does something else', () => {
    const six = (names: string[]) => names.map((name) => [task.tokens.indexOf(name)]);
    const expert = {
      ...program,
      lines: program.lines.map((l, t) => ({ ...l, tokens: six(['reverse', 'reverse', 'negate', 'negate', 'swap', 'swap'])[t]! })),
    };
    expect(task.verify(expert, six(['swap', 'swap', 'reverse', 'reverse', 'negate', 'negate'])).reward).toBe(1);
    expect(task.verify(expert, six(['swap', 'swap', 'reverse', 'reverse', 'negate', 'sort']))).toMatchObject({ reward: 0 });
    expect(task.verify(expert, [[0], [0], [0], [0], [0], [0]])).toEqual({ reward: 0, lineOk: [false, false, false, false, false, false] });
  });
});

describe('builtinTask', () => {
  it('names the tasks it has when it does not know one', () => {
    expect(() => builtinTask('macros')).toThrow(/recall-lines, section-lines, pointer-lines/);
  });
});
