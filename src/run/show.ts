// Traces and rollouts as the log shows them: text in place of ids, a few numbers per line or token.
import type { LatentTrace } from '../midtrain/rollouts.ts';
import { thinkProbability } from '../midtrain/rollouts.ts';
import type { JudgedRollout } from '../rlvr/trainer.ts';
import { ROLE } from '../tasks/sequence.ts';
import type { Corpus } from './corpus.ts';
import type { InfusedProgram, ShownGroup, ShownToken, ShownTrace } from './events.ts';

const round = (x: number): number => (Number.isFinite(x) ? Math.round(x * 1e4) / 1e4 : x);

export function showTrace(
  corpus: Corpus,
  { trace, line, plain }: { trace: LatentTrace; line: Float64Array; plain: Float64Array },
): ShownTrace {
  const shown = corpus.shown(trace.program, trace.latents);
  return {
    prompt: shown.prompt,
    lines: shown.lines.map(({ text, thought }, t) => {
      return {
        ...named(trace, t, text, thought),
        pThink: round(thinkProbability(trace, t)),
        lineLogprob: round(line[t] as number),
        gain: round((line[t] as number) - (plain[t] as number)),
      };
    }),
  };
}

function named({ program, latents }: LatentTrace, t: number, text: string, thought: string | null): InfusedProgram['lines'][number] {
  const latent = latents[t] ?? null;
  const truth = program.truth[t];
  return { text, kind: truth?.kind ?? '', thought, right: latent && truth?.latent ? latent.join() === truth.latent.join() : null };
}

const MOST_INFUSED = 128;
const MOST_INFUSED_CHARACTERS = 200_000;

/** The first infused programs, as many as a log bears. */
export function showInfused(corpus: Corpus, traces: readonly LatentTrace[]): InfusedProgram[] {
  const out: InfusedProgram[] = [];
  let characters = 0;
  for (const trace of traces.slice(0, MOST_INFUSED)) {
    const { prompt, lines } = corpus.shown(trace.program, trace.latents);
    characters += prompt.length + lines.reduce((n, l) => n + l.text.length + (l.thought?.length ?? 0), 0);
    if (characters > MOST_INFUSED_CHARACTERS) break;
    out.push({ prompt, lines: lines.map(({ text, thought }, t) => named(trace, t, text, thought)) });
  }
  return out;
}

const NAMES: Record<number, ShownToken['role']> = {
  [ROLE.prompt]: 'prompt',
  [ROLE.decision]: 'decision',
  [ROLE.think]: 'decision',
  [ROLE.content]: 'thought',
  [ROLE.contentEnd]: 'thought',
};

/** `after`: log-probabilities of the rollouts' tokens after the update that they were trained on in. */
export function showGroup(corpus: Corpus, rollouts: readonly JudgedRollout[], after: readonly Float32Array[]): ShownGroup {
  const { program } = (rollouts[0] as JudgedRollout).trace;
  return {
    prompt: corpus.shown(
      program,
      program.lines.map(() => null),
    ).prompt,
    rollouts: rollouts.map(({ trace, verdict, advantage }, b) => ({
      tokens: Array.from(trace.sequence.ids, (id, i): ShownToken => {
        const sampled = trace.sequence.sampled[i] === 1;
        const role = NAMES[trace.sequence.roles[i] as number] ?? (sampled ? 'line' : 'given');
        if (!sampled) return { text: corpus.tokenText(id), id, logprob: null, role };
        const [before, now] = [trace.logprob[i] as number, after[b]?.[i] as number];
        return {
          text: corpus.tokenText(id),
          id,
          logprob: round(before),
          role,
          entropy: round(trace.entropy[i] as number),
          ...(Number.isFinite(now - before) ? { rise: round(now - before) } : {}),
        };
      }),
      reward: verdict.reward,
      advantage: round(advantage),
      lineOk: verdict.lineOk,
      ...(verdict.tests ? { tests: verdict.tests, end: verdict.end ?? '' } : {}),
    })),
  };
}
