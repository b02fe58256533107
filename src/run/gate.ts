// The gate that a base passes or fails before RA3 is tried on it: whether it lacks what a thought can supply, and knows the thought. Promises null where a
// task has no line of a kind. Refuses nothing.
import { BatchRows, makeScorePlan, MODE } from '../model/batch.ts';
import type { Transformer } from '../model/transformer.ts';
import { makeRng } from '../tasks/rng.ts';
import { buildSequence, ROLE, type Sequence } from '../tasks/sequence.ts';
import type { Corpus } from './corpus.ts';

/** What a base must lack and what it must know for thoughts to help: nats per line, expert prefixes; see docs/log.md. */
export interface Gate {
  /** Lines on which no thought is of use, without one. */
  'gate/nll_plain': number | null;
  /** Useful lines without thoughts, and with the oracle's. */
  'gate/nll_without': number | null;
  'gate/nll_with_truth': number | null;
  /** Mean probability of the oracle's content, given that it thinks where the oracle does. */
  'gate/truth_probability': number | null;
}

type GateCorpus = Pick<Corpus, 'train' | 'maxTokens' | 'window' | 'form'>;

const GATE_PROGRAMS = 256;

export async function measureGate(model: Transformer, corpus: GateCorpus): Promise<Gate> {
  const programs = corpus.train(makeRng(0, 103), GATE_PROGRAMS);
  const { form } = corpus;
  const [lo, hi] = form.kind === 'codebook' ? [form.contentLo, form.contentHi] : [0, model.architecture.vocabulary];
  const T = corpus.maxTokens;
  const plan = await makeScorePlan(model, { B: GATE_PROGRAMS, T, W: corpus.window, pinned: corpus.window > 0 });
  const score = async (thinks: boolean): Promise<{ sequences: Sequence[]; logprob: Float32Array }> => {
    const rows = new BatchRows(GATE_PROGRAMS, T);
    const sequences = programs.map((p, b) => {
      const s = buildSequence(
        p,
        p.truth.map((t) => (thinks ? t.oracle : null)),
        form,
      );
      rows.setSequence(b, s.ids, s.pinLo, s.pinHi);
      for (let i = 0; i + 1 < s.ids.length; i++) {
        const content = s.roles[i + 1] === ROLE.content;
        rows.setRow(b, i, s.ids[i + 1] as number, 1, content ? MODE.restricted : MODE.full, lo, hi);
      }
      return s;
    });
    plan.write(rows);
    plan.plan.run();
    return { sequences, logprob: (await plan.readRows()).logprob };
  };
  const without = await score(false);
  const truth = await score(true);
  plan.destroy();
  const sums = { plain: [0, 0], without: [0, 0], truth: [0, 0], content: [0, 0] } satisfies Record<string, [number, number]>;
  const add = (sum: number[], value: number): void => {
    sum[0] = (sum[0] as number) + value;
    sum[1] = (sum[1] as number) + 1;
  };
  programs.forEach((p, b) => {
    p.truth.forEach(({ useful, oracle }, t) => {
      const at = (from: typeof without, back: number): number =>
        from.logprob[b * T + ((from.sequences[b] as Sequence).lineStart[t] as number) - back] as number;
      if (oracle) add(sums.content, Math.exp(at(truth, 2)));
      if (!useful) return add(sums.plain, -at(without, 1));
      add(sums.without, -at(without, 1));
      add(sums.truth, -at(truth, 1));
    });
  });
  const mean = ([sum, count]: number[]): number | null => (count ? (sum as number) / count : null);
  return {
    'gate/nll_plain': mean(sums.plain),
    'gate/nll_without': mean(sums.without),
    'gate/nll_with_truth': mean(sums.truth),
    'gate/truth_probability': mean(sums.content),
  };
}
