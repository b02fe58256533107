// The two built-in tasks: truth, verifier, rates of the pre-training corpus, printing.
import { describe, expect, it } from 'vitest';
import { BUILTIN_TASKS, builtinTask } from '../../../src/tasks/builtin.ts';
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
  it('fails the line that is wrong, and judges the next by what was written', () => {
    for (const p of programs.slice(0, 50)) {
      const w = written(p);
      w[2]![0] = (w[2]![0]! + 1) % 6;
      const verdict = task.verify(p, w);
      expect(verdict.reward).toBe(0);
      expect(verdict.lineOk[1]).toBe(true);
      expect(verdict.lineOk[2]).toBe(false);
    }
    // A rollout that goes on rightly from a wrong symbol is right from there on: built by following the verifier line by line.
    const p = programs[0]!;
    const w = written(p);
    w[0]![0] = (w[0]![0]! + 2) % 6;
    for (let t = 1; t < task.lines; t++) {
      for (let y = 0; y < 6; y++) {
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
  it('prints one string per line, thoughts as comments of their own', () => {
    const trace = { program: programs[0]!, latents: programs[0]!.lines.map((_line, t) => (t === 1 ? [4] : null)) };
    const text = task.render(trace);
    expect(text).toHaveLength(1 + task.lines + 1);
    expect(text.filter((s) => s.startsWith('#'))).toEqual([text[2]]);
    expect(text[2]).toMatch(/ e$/);
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

describe('pointer lines', () => {
  const task = builtinTask('pointer-lines');
  it('has p[x] as the right thought of every hard line and none on easy ones', () => {
    for (const p of task.samplePrograms(makeRng(5, 0), 100)) {
      const map = new Map(Array.from({ length: 6 }, (_, i) => [p.prompt[1 + 2 * i]!, p.prompt[2 + 2 * i]!]));
      let x = p.prompt[14]!;
      p.lines.forEach((line, t) => {
        const truth = p.truth[t]!;
        if (truth.useful) {
          expect(truth.latent).toEqual([map.get(x)]);
          expect(line.tokens[0]).toBe(map.get(truth.latent![0]!));
        } else expect(truth.latent).toBeNull();
        x = line.tokens[0]!;
      });
    }
  });
  it('switches mode with probability 0.3', () => {
    const kinds = task.samplePrograms(makeRng(7, 0), 2000).map((p) => p.truth.map((t) => t.kind));
    const switches = kinds.flatMap((k) => k.slice(1).map((kind, t) => kind !== k[t]));
    expect(switches.filter(Boolean).length / switches.length).toBeCloseTo(0.3, 1);
  });
});

describe('builtinTask', () => {
  it('names the tasks it has when it does not know one', () => {
    expect(() => builtinTask('macro-lists')).toThrow(/recall-lines, pointer-lines/);
  });
});
