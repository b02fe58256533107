// How a base model (no chat) is asked for a problem's solution and where its text ends, as the usual harnesses do it: bigcode-evaluation-harness for
// HumanEval and MBPP, EvalPlus's direct completion for HumanEval+ and MBPP+; other shapes go on from a docstring. Pure.
import type { SuiteShape } from '../formats/recognised.ts';
import type { PythonProblem } from './pythonProblems.ts';

export interface BasePrompt {
  text: string;
  /** Texts that end the completion and are no part of it. */
  stop: readonly string[];
}

const EVALPLUS_STOP = ['<|endoftext|>', '<|endofmask|>', '</s>', '\nif __name__', '\ndef main(', '\nprint('];
const MBPP_STOP = ['\nclass', '\nassert', '\n"""', '\nprint', '\nif', '\n<|/', '\n```'];
const STOP: Record<SuiteShape, readonly string[]> = {
  humaneval: ['\nclass', '\ndef', '\n#', '\n@', '\nprint', '\nif', '\n```'],
  mbpp: MBPP_STOP,
  'mbpp-sanitized': MBPP_STOP,
  'humaneval-plus': [...EVALPLUS_STOP, '\ndef ', '\nclass ', '\nimport ', '\nfrom ', '\nassert '],
  'mbpp-plus': [...EVALPLUS_STOP, '\n"""', '\nassert'],
  acecode: ['\nassert', '\n"""', '\nprint', '\nif', '\n<|/', '\n```'],
  mapped: ['\nassert', '\n"""', '\nprint', '\nif', '\n<|/', '\n```'],
  // whole programs, which may print and branch
  livecodebench: ['\n"""', '\n<|/', '\n```'],
  codeforces: ['\n"""', '\n<|/', '\n```'],
  apps: ['\n"""', '\n<|/', '\n```'],
  taco: ['\n"""', '\n<|/', '\n```'],
};

export function basePrompt({ suite, prompt }: Pick<PythonProblem, 'suite' | 'prompt'>): BasePrompt {
  const stop = STOP[suite];
  switch (suite) {
    case 'humaneval':
      return { text: prompt.trim(), stop };
    case 'humaneval-plus':
    case 'mbpp-plus':
      return { text: `${prompt.trim()}\n`, stop };
    default:
      return { text: prompt, stop };
  }
}

/** The text before the first stop; tabs become four spaces where EvalPlus does so. */
export function cleanCompletion(suite: SuiteShape, completion: string): string {
  const ends = STOP[suite].map((stop) => completion.indexOf(stop)).filter((at) => at >= 0);
  const text = completion.slice(0, Math.min(completion.length, ...ends));
  return suite === 'humaneval-plus' || suite === 'mbpp-plus' ? text.replaceAll('\t', '    ') : text;
}
