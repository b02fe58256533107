// Completions of Python problems by a base model, prompted and cut as the usual harnesses do it (tasks/basePrompts.ts). The same seed gives the same
// completions, each in a stream of its own. Refuses models without a tokenizer; a prompt that does not fit the context has empty completions, and is told.
import type { DroppedModel } from '../formats/dropped.ts';
import type { GpuContext } from '../gpu/context.ts';
import { basePrompt, cleanCompletion } from '../tasks/basePrompts.ts';
import type { PythonProblem } from '../tasks/pythonProblems.ts';
import { type GenerateOptions, generateTexts, type TextRequest } from './generateText.ts';
import { promptIds } from './promptText.ts';

export interface SampleOptions extends GenerateOptions {
  /** Completions per problem. */
  n: number;
  temperature: number;
  topP: number;
  maxTokens: number;
  seed: number;
}

export interface ProblemSamples {
  /** In the order of the problems; n each. */
  completions: string[][];
  /** Ids of problems whose prompt leaves no room in the context. */
  tooLong: string[];
  tokens: number;
}

export async function sampleProblems(
  gpu: GpuContext,
  folder: DroppedModel,
  problems: readonly PythonProblem[],
  options: SampleOptions,
  onDone?: (done: number, total: number) => void,
): Promise<ProblemSamples> {
  const { n, temperature, topP, maxTokens, seed, ...generating } = options;
  const context = folder.config.architecture.maxPositions;
  const completions = problems.map(() => Array.from({ length: n }, () => ''));
  const tooLong: string[] = [];
  const requests: TextRequest[] = [];
  const places: [number, number][] = [];
  for (const [p, problem] of problems.entries()) {
    const { text, stop } = basePrompt(problem);
    const ids = await promptIds(folder, { text });
    const room = Math.min(maxTokens, context - ids.length);
    if (room < 1) {
      tooLong.push(problem.id);
      continue;
    }
    for (let s = 0; s < n; s++) {
      requests.push({
        prompt: { ids },
        stop,
        maxTokens: room,
        temperature,
        topP,
        topK: 0,
        minP: 0,
        repetitionPenalty: 1,
        seed,
        stream: p * n + s,
      });
      places.push([p, s]);
    }
  }
  let done = 0;
  let tokens = 0;
  if (requests.length > 0)
    await generateTexts(gpu, folder, requests, generating, undefined, (index, result) => {
      const [p, s] = places[index] as [number, number];
      (completions[p] as string[])[s] = cleanCompletion((problems[p] as PythonProblem).suite, result.text);
      tokens += result.ids.length;
      onDone?.(++done, requests.length);
    });
  return { completions, tooLong, tokens };
}
