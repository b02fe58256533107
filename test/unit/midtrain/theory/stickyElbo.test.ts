// The sticky ELBO against brute force over every program and every course of thoughts, and what must hold of EM and of its ends.
import { describe, expect, it } from 'vitest';
import { startSettings } from '../../../../src/midtrain/theory/contract.ts';
import {
  elbo,
  eStep,
  expectations,
  fitModel,
  logLikelihood,
  posterior,
  SKILLS,
  type Sticky,
  type StickySettings,
  stickyElbo,
  transition,
} from '../../../../src/midtrain/theory/stickyElbo.ts';

const SMALL: StickySettings = { c: 0.8, stay: 0.7, codes: 4, eta: 0.4, lines: 3 };

/** A course: the code held after each line, and whether it was thought. */
interface Course {
  think: boolean[];
  z: number[];
}

function courses({ lines, codes }: Sticky): Course[] {
  let all: Course[] = [{ think: [], z: [] }];
  for (let t = 0; t < lines; t++) {
    all = all.flatMap(({ think, z }) => [
      { think: [...think, false], z: [...z, z.at(-1) ?? 0] },
      ...Array.from({ length: codes }, (_, i) => ({ think: [...think, true], z: [...z, i + 1] })),
    ]);
  }
  return all;
}

/** ELBO, log-likelihood, gap and thinking by summing over u_0, programs and courses. */
function bruteForce(m: Sticky) {
  const all = courses(m);
  const out = {
    elbo: 0,
    evidence: 0,
    gap: 0,
    rate: 0,
    entropy: 0,
    thinkByLine: new Array<number>(m.lines).fill(0),
    posteriorByLine: new Array<number>(m.lines).fill(0),
  };
  const programs = Array.from({ length: SKILLS ** (m.lines + 1) }, (_, n) =>
    Array.from({ length: m.lines + 1 }, (_, i) => Math.floor(n / SKILLS ** i) % SKILLS),
  );
  for (const u of programs) {
    let expert = 1 / SKILLS;
    for (let t = 1; t <= m.lines; t++) expert *= transition(m.stay, u[t - 1]!, u[t]!);
    const joint = all.map(({ think, z }) =>
      z.reduce((p, code, t) => p * (think[t] ? (1 - m.alpha) / m.codes : m.alpha) * Math.exp(m.logPi[code * SKILLS + u[t + 1]!]!), 1),
    );
    const q = all.map(({ think, z }) =>
      z.reduce((p, code, t) => {
        const at = t * SKILLS + u[t]!;
        const k = m.think[at * (m.codes + 1) + (z[t - 1] ?? 0)]!;
        return p * (think[t] ? k * m.content[at * m.codes + code - 1]! : 1 - k);
      }, 1),
    );
    const evidence = joint.reduce((a, b) => a + b, 0);
    out.evidence += (expert * Math.log(evidence)) / m.lines;
    all.forEach(({ think }, i) => {
      const thoughts = think.filter(Boolean).length;
      out.rate += (expert * q[i]! * thoughts) / m.lines;
      think.forEach((thought, t) => {
        if (!thought) return;
        out.thinkByLine[t]! += expert * q[i]!;
        out.posteriorByLine[t]! += (expert * joint[i]!) / evidence;
      });
      if (q[i]! === 0) return;
      out.elbo += (expert * q[i]! * Math.log(joint[i]! / q[i]!)) / m.lines;
      out.gap += (expert * q[i]! * Math.log((q[i]! * evidence) / joint[i]!)) / m.lines;
      out.entropy -= (expert * q[i]! * Math.log(q[i]!)) / m.lines;
    });
  }
  return out;
}

describe('the sticky ELBO', () => {
  it.each([SMALL, { ...SMALL, c: 0 }, { ...SMALL, stay: 0.9, eta: 1, c: 1.5 }, { ...SMALL, codes: 5, lines: 2 }])(
    'equals brute force, and log-likelihood minus KL(q || posterior): %o',
    (settings) => {
      const model = fitModel(settings);
      const e = expectations(model);
      const exact = posterior(model);
      const brute = bruteForce(model);
      expect(elbo(model, e)).toBeCloseTo(brute.elbo, 9);
      expect(logLikelihood(model)).toBeCloseTo(brute.evidence, 9);
      expect(exact.gap).toBeCloseTo(brute.gap, 9);
      expect(e.thinkRate).toBeCloseTo(brute.rate, 9);
      expect(e.entropy).toBeCloseTo(brute.entropy, 9);
      brute.thinkByLine.forEach((p, t) => {
        expect(e.thinkByLine[t]).toBeCloseTo(p, 9);
        expect(exact.thinkByLine[t]).toBeCloseTo(brute.posteriorByLine[t]!, 9);
      });
      expect(elbo(model, e)).toBeCloseTo(logLikelihood(model) - exact.gap, 9);
      expect(exact.gap).toBeGreaterThanOrEqual(0);
    },
  );

  it.each([0, 0.5, 1, 2, 3])('EM never lowers its objective, c = %f', (c) => {
    const course: number[] = [];
    fitModel({ ...SMALL, c, codes: 8, lines: 5 }, (j) => course.push(j));
    for (let i = 1; i < course.length; i++) expect(course[i]!).toBeGreaterThanOrEqual(course[i - 1]! - 1e-10);
  });

  it('the E-step is the best q: no disturbance of it raises the objective', () => {
    const model = fitModel({ ...SMALL, lines: 4 });
    const j = (m: Sticky): number => {
      const e = expectations(m);
      return e.logLikelihood - m.c * e.thinkRate + m.eta * e.entropy;
    };
    eStep(model);
    const best = j(model);
    for (let i = 0; i < model.think.length; i += 7) {
      const disturbed = { ...model, think: model.think.slice() };
      disturbed.think[i] = 0.9 * disturbed.think[i]! + 0.05;
      expect(j(disturbed)).toBeLessThanOrEqual(best + 1e-12);
    }
  });

  it('at eta = 1 the penalty form is the literal ELBO, c = log(alpha / (1 - alpha)) + log|Z|', () => {
    const alpha = 0.75;
    const c = Math.log(alpha / (1 - alpha)) + Math.log(SMALL.codes);
    const model = { ...fitModel({ ...SMALL, c, eta: 1 }), alpha };
    const e = expectations(model);
    expect(e.logLikelihood - c * e.thinkRate + e.entropy + Math.log(alpha)).toBeCloseTo(elbo(model, e), 9);
  });

  it('free thoughts come on nearly every line; dear ones never, and log p is then the bigram', () => {
    const { charts, facts } = stickyElbo(startSettings('sticky-elbo'));
    const of = (name: string) => facts.find((f) => f.name === name)!;
    expect(of('think_rate/free').measured).toBeGreaterThan(0.8);
    expect(of('think_rate/dear').measured).toBeLessThan(1e-3);
    expect(of('log_likelihood/dear').measured).toBeCloseTo(-Math.log(SKILLS), 3);
    const series = (chart: string, name: string) => charts.find((c) => c.name === chart)!.series.find((s) => s.name === name)!;
    const rates = series('think-rate', 'think rate');
    for (let i = 1; i < rates.y.length; i++) expect(rates.y[i]!).toBeLessThanOrEqual(rates.y[i - 1]! + 0.01);
    expect(rates.y[rates.x.indexOf(3)]).toBeLessThan(0.005);
    const evidence = series('nats', 'log p(program)').y;
    series('nats', 'ELBO').y.forEach((lower, i) => {
      expect(lower).toBeLessThanOrEqual(evidence[i]! + 1e-9);
    });
    expect(Math.max(...evidence)).toBeGreaterThan(-Math.log(SKILLS) + 0.2);
    expect(of('gap/line').measured).toBeCloseTo(of('gap/line').predicted!, 9);
  });
});
