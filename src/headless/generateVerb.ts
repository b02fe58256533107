// The verb generate: text from a model folder, one prompt or many, each as often as asked. One JSON line per text on stdout, in the order of the
// prompts; a single text is also streamed to stderr as it is written. Refuses prompts that are not given in exactly one way.
import { InputError, number, type Options, readOptions, text, tokenIds } from './arguments.ts';
import { readAdapterFolder, readModelFolder, readText } from './files.ts';
import { open, print } from './openLab.ts';
import { openTextWorker } from './textClient.ts';
import type { ChatMessage } from '../formats/chatTemplate.ts';
import { type GeneratedText, generateTexts, type TextRequest } from '../run/generateText.ts';
import type { Prompt } from '../run/promptText.ts';

export const GENERATE_USAGE = `  generate --model DIR (--prompt TEXT [--chat] | --prompt-ids '[1]' | --prompts FILE.jsonl) --max-tokens N [--samples 1] [--seed 0]
           [--temperature 0] [--top-k 0] [--top-p 1] [--min-p 0] [--repetition-penalty 1] [--stop TEXT]... [--logprobs]
           [--dtype f32|f16] [--adapter DIR] [--slots S]
           lines of --prompts: {"prompt": TEXT} or {"ids": [...]} or {"messages": [{"role", "content"}, ...]}
`;

const VALUES = [
  'model,prompt,prompt-ids,prompts,max-tokens,samples,seed,temperature,top-k,top-p,min-p,repetition-penalty,dtype,adapter,slots',
].flatMap((names) => names.split(','));

export async function generate(argv: string[]): Promise<number> {
  const { options, lists } = readOptions('generate', argv, VALUES, ['json', 'logprobs', 'chat'], 0, ['stop']);
  const dir = text(options, 'model');
  const sampling = {
    maxTokens: number(options, 'max-tokens', { lo: 1, hi: 1e6, integer: true }),
    temperature: number(options, 'temperature', { lo: 0, hi: 100 }, 0),
    topK: number(options, 'top-k', { lo: 0, hi: 1e7, integer: true }, 0),
    topP: number(options, 'top-p', { lo: 0, hi: 1 }, 1),
    minP: number(options, 'min-p', { lo: 0, hi: 1 }, 0),
    repetitionPenalty: number(options, 'repetition-penalty', { lo: 1e-3, hi: 1e3 }, 1),
    seed: number(options, 'seed', { lo: 0, hi: 0xffffffff, integer: true }, 0),
    stop: lists.stop ?? [],
  };
  if (sampling.stop.includes('')) throw new InputError('--stop is empty; every text would stop before its first character.');
  const samples = number(options, 'samples', { lo: 1, hi: 1e6, integer: true }, 1);
  const slots = options.slots === undefined ? {} : { slots: number(options, 'slots', { lo: 1, hi: 4096, integer: true }) };
  const dtype = options.dtype ?? 'f32';
  if (dtype !== 'f32' && dtype !== 'f16') throw new InputError(`--dtype ${dtype} is not known; there are f32, f16.`);
  if (['prompt', 'prompt-ids', 'prompts'].filter((name) => options[name] !== undefined).length !== 1)
    throw new InputError('Give one of --prompt TEXT, --prompt-ids ARRAY and --prompts FILE.jsonl.');
  const folder = await readModelFolder(dir);
  const { architecture } = folder.config;
  const prompts = readPrompts(options, architecture.vocabulary);
  const adapter = options.adapter === undefined ? null : await readAdapterFolder(String(options.adapter), architecture);
  // a stream of its own for every text: sample s of prompt p draws the same numbers whatever else is asked for in the same place
  const requests = prompts.flatMap((prompt, p) =>
    Array.from({ length: samples }, (_, s): TextRequest => ({ ...sampling, prompt, stream: p * samples + s })),
  );
  const single = requests.length === 1;
  const shown = (result: GeneratedText, index: number): object => {
    const { ids, logprobs, entropies, text, reason } = result;
    const of = single ? {} : { prompt: Math.floor(index / samples), sample: index % samples };
    return options.logprobs || !single ? { ...of, ids, logprobs, entropies, text, reason } : { ids, logprobs, text };
  };
  const done = new Map<number, GeneratedText>();
  let next = 0;
  // a template is foreign code: a thread renders it, which is ended when it takes too long
  const chats = prompts.some((prompt) => 'messages' in prompt) ? openTextWorker(null) : null;
  try {
    await generateTexts(
      await open(),
      folder,
      requests,
      { storage: dtype, adapter, ...slots, ...(chats && { renderChat: chats.renderChat.bind(chats) }) },
      (_, piece) => {
        if (single) process.stderr.write(piece);
      },
      (index, result) => {
        if (single) process.stderr.write('\n');
        done.set(index, result);
        for (let ready = done.get(next); ready; ready = done.get(++next)) {
          print(shown(ready, next));
          done.delete(next);
        }
      },
    );
  } finally {
    chats?.close();
  }
  return 0;
}

function readPrompts(options: Options, vocabulary: number): Prompt[] {
  if (options['prompt-ids'] !== undefined) {
    const value = parsed(String(options['prompt-ids']), () => `--prompt-ids is not JSON: ${String(options['prompt-ids']).slice(0, 60)}`);
    return [{ ids: tokenIds(value, '--prompt-ids', vocabulary) }];
  }
  const asked = (content: string): Prompt => (options.chat ? { messages: [{ role: 'user', content }] } : { text: content });
  if (options.prompt !== undefined) return [asked(String(options.prompt))];
  const path = text(options, 'prompts');
  const prompts = readText(path, '--prompts')
    .split(/\r?\n/)
    .flatMap((line, i): Prompt[] => {
      if (line.trim() === '') return [];
      const where = `${path}, line ${i + 1}`;
      const row = parsed(line, () => `${where} is not JSON.`);
      const { prompt, ids, messages } = (typeof row === 'object' && row !== null ? row : {}) as Record<string, unknown>;
      if (typeof prompt === 'string') return [asked(prompt)];
      if (ids !== undefined) return [{ ids: tokenIds(ids, `${where}: "ids"`, vocabulary) }];
      if (isConversation(messages)) return [{ messages }];
      throw new InputError(`${where} holds no {"prompt": TEXT}, {"ids": [...]} or {"messages": [{"role": ..., "content": ...}]}.`);
    });
  if (prompts.length === 0) throw new InputError(`${path} holds no prompt.`);
  return prompts;
}

function parsed(json: string, fault: () => string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw new InputError(fault());
  }
}

const isConversation = (value: unknown): value is ChatMessage[] =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.every((m) => typeof m === 'object' && m !== null && typeof m.role === 'string' && typeof m.content === 'string');
