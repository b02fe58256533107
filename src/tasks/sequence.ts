// One program with its thoughts as a token sequence, and back: pure functions that training, rollouts and figures share.
// Promises: parseRollout inverts buildSequence; thoughts of a codebook hold exactly one code.
// Refuses latents that do not fit the form or the program, and forced lines that are not there.
import type { LatentForm, Line, Program } from './task.ts';

/** The role of a token. decision: the codebook's act or think token. think: the text form's think token (its act writes nothing). */
export const ROLES = ['prompt', 'decision', 'think', 'content', 'contentEnd', 'line'] as const;
export const ROLE = { prompt: 0, decision: 1, think: 2, content: 3, contentEnd: 4, line: 5 } as const;

/** All arrays have one entry per token (N of them). */
export interface Sequence {
  ids: Int32Array;
  /** Index into ROLES. */
  roles: Uint8Array;
  /** Line that the token belongs to (its thought and decision included); -1 in the prompt. */
  line: Int32Array;
  /**
   * Position i also attends to every j <= i with pinLo[i] <= j < pinHi[i]: the content of the latest thought whose content started at
   * or before i. Both 0 where there is none.
   */
  pinLo: Int32Array;
  pinHi: Int32Array;
  /** 1 where a policy writes the token in a rollout: decisions, thoughts up to their end unless the cap forced it, sampled line tokens. */
  sampled: Uint8Array;
  /** 1 where the token's log-probability counts as the line's reward. */
  scored: Uint8Array;
  /** Per line: 1 where a thought stands before it. */
  thinks: Uint8Array;
  /** Per line: position of its first own token; the prediction of it comes from the position before. */
  lineStart: Int32Array;
}

/** The number of tokens of the longest sequence that the program can become: every line with a thought of full length. */
export function longestSequence(program: Program, form: LatentForm): number {
  const perLine = form.kind === 'codebook' ? 2 : form.maxLatentTokens + 2;
  return program.prompt.length + program.lines.reduce((n, line) => n + line.tokens.length + perLine, 0);
}

function checkLatent(latent: number[], t: number, form: LatentForm): void {
  if (form.kind === 'codebook') {
    const z = latent[0];
    if (latent.length !== 1 || z === undefined || z < form.contentLo || z >= form.contentHi) {
      throw new RangeError(
        `The thought before line ${t} is [${latent}]; a codebook's thought is one id from ${form.contentLo} to ${form.contentHi - 1}.`,
      );
    }
  } else if (latent.length > form.maxLatentTokens) {
    throw new RangeError(
      `The thought before line ${t} has ${latent.length} tokens; at most ${form.maxLatentTokens} are allowed. Shorten it or raise maxLatentTokens.`,
    );
  } else if (latent.includes(form.contentEnd)) {
    throw new RangeError(`The thought before line ${t} holds its own end token ${form.contentEnd}. Leave it out: it is added.`);
  }
}

export function buildSequence(program: Program, latents: (number[] | null)[], form: LatentForm): Sequence {
  if (latents.length !== program.lines.length) {
    throw new RangeError(`${latents.length} latents for ${program.lines.length} lines. Give one per line, null where there is no thought.`);
  }
  const ids: number[] = [];
  const roles: number[] = [];
  const line: number[] = [];
  const sampled: number[] = [];
  const scored: number[] = [];
  const lineStart: number[] = [];
  const pins: { from: number; lo: number; hi: number }[] = [];
  const push = (id: number, role: number, t: number, isSampled: boolean, isScored = false): void => {
    ids.push(id);
    roles.push(role);
    line.push(t);
    sampled.push(isSampled ? 1 : 0);
    scored.push(isScored ? 1 : 0);
  };
  for (const id of program.prompt) push(id, ROLE.prompt, -1, false);
  program.lines.forEach((own, t) => {
    const latent = latents[t] ?? null;
    if (latent) checkLatent(latent, t, form);
    if (form.kind === 'codebook') push(latent ? form.think : form.act, ROLE.decision, t, true);
    else if (latent) push(form.think, ROLE.think, t, true);
    if (latent) {
      pins.push({ from: ids.length, lo: ids.length, hi: ids.length + latent.length });
      for (const id of latent) push(id, ROLE.content, t, true);
      if (form.kind === 'text') push(form.contentEnd, ROLE.contentEnd, t, latent.length < form.maxLatentTokens);
    }
    lineStart.push(ids.length);
    own.tokens.forEach((id, j) => push(id, ROLE.line, t, own.sampled[j]!, own.scored[j]!));
  });

  const pinLo = new Int32Array(ids.length);
  const pinHi = new Int32Array(ids.length);
  pins.forEach(({ from, lo, hi }, k) => {
    const to = pins[k + 1]?.from ?? ids.length;
    if (hi > lo) pinLo.fill(lo, from, to);
    if (hi > lo) pinHi.fill(hi, from, to);
  });
  return {
    ids: Int32Array.from(ids),
    roles: Uint8Array.from(roles),
    line: Int32Array.from(line),
    pinLo,
    pinHi,
    sampled: Uint8Array.from(sampled),
    scored: Uint8Array.from(scored),
    thinks: Uint8Array.from(latents, (latent) => (latent ? 1 : 0)),
    lineStart: Int32Array.from(lineStart),
  };
}

/** The program with its lines replaced by what a rollout wrote; lines that the program does not have are sampled throughout. */
export function withWritten(program: Program, written: number[][]): Program {
  const lines = written.map((tokens, t): Line => {
    const own = program.lines[t];
    if (own && own.tokens.length === tokens.length) return { tokens, sampled: own.sampled, scored: own.scored };
    return { tokens, sampled: tokens.map(() => true), scored: tokens.map(() => true) };
  });
  return { prompt: program.prompt, lines, truth: program.truth };
}

export interface Rollout {
  latents: (number[] | null)[];
  /** The tokens of each line as they stand in the rollout. */
  written: number[][];
  /** False when the tokens ended before the last line did. */
  complete: boolean;
}

/**
 * Splits what was generated after the prompt into thoughts and lines as long as the program's (text that a model wrote freely: freeText.ts). Ids that cannot be read in the form (neither act nor think where a
 * decision must stand) end the parse: complete is false and what was read so far is returned.
 */
export function parseRollout(generated: ArrayLike<number>, program: Program, form: LatentForm): Rollout {
  const latents: (number[] | null)[] = [];
  const written: number[][] = [];
  let at = 0;
  const take = (): number | undefined => (at < generated.length ? generated[at++] : undefined);
  const readThought = (): number[] | null | undefined => {
    if (form.kind === 'codebook') {
      const decision = take();
      if (decision === form.act) return null;
      if (decision !== form.think) return undefined;
      const code = take();
      return code === undefined ? undefined : [code];
    }
    if (generated[at] !== form.think) return null;
    at += 1;
    const content: number[] = [];
    for (;;) {
      const id = take();
      if (id === undefined) return undefined;
      if (id === form.contentEnd) return content;
      if (content.length === form.maxLatentTokens) return undefined;
      content.push(id);
    }
  };
  for (const line of program.lines) {
    const latent = readThought();
    if (latent === undefined) return { latents, written, complete: false };
    const tokens: number[] = [];
    while (tokens.length < line.tokens.length) {
      const id = take();
      if (id === undefined) break;
      tokens.push(id);
    }
    latents.push(latent);
    written.push(tokens);
    if (tokens.length < line.tokens.length) return { latents, written, complete: false };
  }
  return { latents, written, complete: true };
}
