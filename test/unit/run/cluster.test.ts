// The export for RL engines elsewhere, read back by strict readers: every file of it, from the recorded run; and its Python, where python3 is on the machine:
// rewards of rollouts as the log has them, of all line tasks as their verifiers say, of Python problems of every kind.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromBytes } from '../../../src/formats/byteSource.ts';
import { type DroppedModel, recognise } from '../../../src/formats/dropped.ts';
import { JsonNumber } from '../../../src/formats/exactJson.ts';
import { clusterFiles } from '../../../src/run/cluster/clusterFiles.ts';
import { rowWriter } from '../../../src/run/cluster/groundTruth.ts';
import { type Corpus, makeCorpus } from '../../../src/run/corpus.ts';
import type { RunEvent, ShownGroup } from '../../../src/run/events.ts';
import { presetRecipe } from '../../../src/run/presets.ts';
import { type Arm, BUILTIN_KINDS, CODE_DEFAULTS, parseRecipe, type Recipe } from '../../../src/run/recipe.ts';
import { embeddedModel } from '../../../src/run/session.ts';
import { readLog } from '../../../src/share/logReader.ts';
import { builtinTask } from '../../../src/tasks/builtin.ts';
import type { ProblemTests, PythonProblem } from '../../../src/tasks/pythonProblems.ts';
import { makeRng } from '../../../src/tasks/rng.ts';
import { buildSequence, withWritten } from '../../../src/tasks/sequence.ts';

const embedded = (task: string): Promise<DroppedModel> =>
  embeddedModel({
    config: readFileSync(`public/default/${task}/config.json`, 'utf8'),
    weights: readFileSync(`public/default/${task}/model.safetensors`),
  });
const given = { tokenizer: null, dataset: null };
const hasPython = ((): boolean => {
  try {
    return /^Python 3\.(1\d|[2-9]\d)/.test(execFileSync('python3', ['--version'], { encoding: 'utf8' }));
  } catch {
    return false;
  }
})();

let folder: string;
let files: Record<string, Uint8Array | string>;
let recipe: Recipe;
let events: RunEvent[];
let corpus: Corpus;
let arms: Map<Arm, DroppedModel>;
const textOf = (name: string): string => {
  const content = files[name]!;
  return typeof content === 'string' ? content : new TextDecoder().decode(content);
};
const rowsOf = (name: string): unknown[] =>
  textOf(name)
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);

beforeAll(async () => {
  const read = readLog(gunzipSync(readFileSync('public/demo/log.jsonl.gz')).toString());
  ({ recipe } = read);
  // the recorded log does not tell what updates changed, as newer ones do; here they changed every token of the last step by an eighth
  events = read.events.map((e): RunEvent => {
    if (e.type !== 'rollouts' || e.step < recipe.rlvr.steps) return e;
    const rollouts = (g: ShownGroup) =>
      g.rollouts.map((r) => ({ ...r, tokens: r.tokens.map((t) => (t.logprob === null ? t : { ...t, rise: 0.125 })) }));
    return { ...e, groups: e.groups.map((g) => ({ ...g, rollouts: rollouts(g) })) };
  });
  corpus = makeCorpus(recipe, builtinTask('recall-lines').tokens.length, given);
  const model = await embedded('recall-lines');
  arms = new Map<Arm, DroppedModel>([
    ['ntp', model],
    ['ra3', model],
  ]);
  files = await clusterFiles({ recipe, events, arms, corpus }, ['ra3', 'ntp']);
  folder = mkdtempSync(join(tmpdir(), 'cluster-'));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(folder, dirname(name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('an export', () => {
  it('holds models, rows for five engines, reward, configurations, parity and how to verify it, and the recipe that ran', () => {
    const engines = ['nemo_rl', 'openrlhf', 'skyrl', 'trl', 'verl'];
    const model = ['config.json', 'generation_config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'];
    expect(Object.keys(files).sort()).toEqual(
      [
        'README.md',
        'recipe.json',
        'parity.jsonl',
        'verify.py',
        'reward/reward.py',
        ...['nemo_rl.yaml', 'openrlhf.sh', 'pass_through.jinja', 'skyrl.sh', 'skyrl_env.py', 'trl_grpo.py', 'verl.sh'].map(
          (n) => `configs/${n}`,
        ),
        ...engines.flatMap((engine) => [`data/${engine}/test.jsonl`, `data/${engine}/train.jsonl`]),
        ...['ntp', 'ra3'].flatMap((arm) => model.map((name) => `model/${arm}/${name}`)),
      ].sort(),
    );
    expect(parseRecipe(JSON.parse(textOf('recipe.json')))).toEqual(recipe);
  });

  it('has rows in the fields of each engine, the same prompts and truths in all', () => {
    const text = v.pipe(v.string(), v.minLength(1));
    const messages = v.strictTuple([v.strictObject({ role: v.literal('user'), content: text })]);
    const info = v.strictObject({ split: v.picklist(['train', 'test']), index: v.number(), id: v.string() });
    const source = v.literal('ra3-lab/recall-lines');
    const shapes = {
      verl: v.strictObject({
        data_source: source,
        prompt: messages,
        ability: v.literal('lines'),
        reward_model: v.strictObject({ style: v.literal('rule'), ground_truth: text }),
        extra_info: info,
      }),
      trl: v.strictObject({ prompt: text, ground_truth: text, data_source: source }),
      openrlhf: v.strictObject({ input: text, label: text }),
      nemo_rl: v.strictObject({ input: text, output: text }),
      skyrl: v.strictObject({
        data_source: source,
        prompt: messages,
        env_class: v.literal('ra3_lab'),
        reward_spec: v.strictObject({ method: v.literal('rule'), ground_truth: text }),
        extra_info: info,
      }),
    };
    for (const split of ['train', 'test']) {
      const trl = v.parse(v.array(shapes.trl), rowsOf(`data/trl/${split}.jsonl`));
      expect(trl).toHaveLength(split === 'train' ? 1024 : recipe.evaluate.prompts);
      const verl = v.parse(v.array(shapes.verl), rowsOf(`data/verl/${split}.jsonl`));
      expect(verl.map((r) => [r.prompt[0].content, r.reward_model.ground_truth])).toEqual(trl.map((r) => [r.prompt, r.ground_truth]));
      const open = v.parse(v.array(shapes.openrlhf), rowsOf(`data/openrlhf/${split}.jsonl`));
      expect(open.map((r) => [r.input, r.label])).toEqual(trl.map((r) => [r.prompt, r.ground_truth]));
      const nemo = v.parse(v.array(shapes.nemo_rl), rowsOf(`data/nemo_rl/${split}.jsonl`));
      expect(nemo.map((r) => [r.input, r.output])).toEqual(trl.map((r) => [r.prompt, r.ground_truth]));
      const sky = v.parse(v.array(shapes.skyrl), rowsOf(`data/skyrl/${split}.jsonl`));
      expect(sky.map((r) => [r.prompt[0].content, r.reward_spec.ground_truth])).toEqual(trl.map((r) => [r.prompt, r.ground_truth]));
    }
  });

  it('has model folders that open as any does, with a tokenizer whose ids are those of the rollouts', async () => {
    const own = Object.keys(files).filter((name) => name.startsWith('model/ra3/'));
    const { model, recognised } = await recognise(
      own.map((path) => ({ path, source: fromBytes(path.split('/').at(-1)!, files[path] as Uint8Array) })),
    );
    expect(recognised.problems).toEqual([]);
    for (const row of rowsOf('parity.jsonl').slice(0, 20) as {
      ids: number[];
      prompt_length: number;
      completion: string;
      ground_truth: string;
    }[]) {
      const prompt = (JSON.parse(row.ground_truth) as { prompt: string[] }).prompt.join(' ');
      expect(model!.tokenizer!.encode(`${prompt} ${row.completion}`, { addBos: true })).toEqual(row.ids);
      expect(model!.tokenizer!.encode(prompt, { addBos: true })).toEqual(row.ids.slice(0, row.prompt_length));
    }
  });

  it('has at most 200 rollouts of the log, the last step first, every number the log’s own', () => {
    const number = v.pipe(v.number(), v.finite());
    const perToken = v.array(v.nullable(number));
    const pair = v.strictTuple([number, number]);
    const shape = v.strictObject({
      arm: v.picklist(['ntp', 'ra3']),
      step: number,
      group: number,
      data_source: v.string(),
      ground_truth: v.string(),
      completion: v.string(),
      ids: v.array(number),
      prompt_length: number,
      logprobs: perToken,
      logprobs_exported: v.nullable(perToken),
      softmax: v.array(v.nullable(pair)),
      window: v.literal(5),
      pins: v.array(pair),
      reward: number,
      advantage: number,
    });
    const rows = v.parse(v.array(shape), rowsOf('parity.jsonl'));
    const shown = events.flatMap((e) =>
      e.type === 'rollouts' && e.arm !== 'base' ? e.groups.flatMap((g) => g.rollouts.map((r) => ({ e, r }))) : [],
    );
    expect(rows).toHaveLength(Math.min(200, shown.length));
    expect(rows[0]!.step).toBe(recipe.rlvr.steps);
    for (const row of rows) {
      const from = shown.filter(({ e, r }) => e.step === row.step && e.arm === row.arm && r.tokens.length === row.ids.length);
      expect(
        from.some(
          ({ r }) => r.reward === row.reward && r.advantage === row.advantage && r.tokens.every((t, i) => t.logprob === row.logprobs[i]),
        ),
      ).toBe(true);
      row.logprobs.forEach((logprob, i) => expect(row.softmax[i] === null).toBe(logprob === null));
      expect(row.logprobs_exported === null).toBe(row.step !== recipe.rlvr.steps);
      const changed = row.logprobs_exported?.flatMap((after, i) => (after === null ? [] : [after - row.logprobs[i]!])) ?? [];
      for (const by of changed) expect(by).toBeCloseTo(0.125, 6);
    }
  });

  it('says what was left out, and refuses what has no reward or no model', async () => {
    const torn = events.map((e): RunEvent => {
      if (e.type !== 'rollouts') return e;
      const groups = e.groups.map((g) => ({
        ...g,
        rollouts: g.rollouts.map((r, i) => (i > 0 ? r : { ...r, tokens: r.tokens.map(({ id: _, ...t }) => ({ ...t, text: 'no word' })) })),
      }));
      return { ...e, groups };
    });
    const some = await clusterFiles({ recipe, events: torn, arms, corpus }, ['ra3']);
    expect(String(some['README.md'])).toMatch(/Left out: \d+ \(ids that the log does not tell\)/);
    const none = await clusterFiles({ recipe, events: events.filter((e) => e.type !== 'rollouts'), arms, corpus }, ['ra3']);
    expect(none['parity.jsonl']).toBe('');
    expect(String(none['README.md'])).toContain('The log holds none');
    await expect(clusterFiles({ recipe, events, arms, corpus }, [])).rejects.toThrow(/No arm was chosen/);
    await expect(clusterFiles({ recipe, events, arms, corpus }, ['oracle'])).rejects.toThrow(/no trained oracle model.*ntp, ra3/);
    const text: Recipe = { ...recipe, task: { kind: 'text', field: 'text', maxTokens: 32, heldOut: 0.1, maxRows: 10 } };
    expect(() => rowWriter(text, corpus)).toThrow(/no reward/);
  });
});

describe.skipIf(!hasPython)('its Python (needs python3 from 3.10 on)', () => {
  const python = (source: string): unknown =>
    JSON.parse(
      execFileSync('python3', ['-c', `import sys, json\nsys.path.insert(0, 'reward')\nimport reward\n${source}`], {
        cwd: folder,
        encoding: 'utf8',
      }),
    );

  it('gives the log’s rewards again', () => {
    const said = JSON.parse(execFileSync('python3', ['verify.py'], { cwd: folder, encoding: 'utf8' })) as Record<string, unknown>;
    expect(said).toEqual({ rewards: rowsOf('parity.jsonl').length, rewards_that_differ: 0, first_lines_that_differ: [], agrees: true });
  });

  it('answers verl, and TRL with texts and with messages', () => {
    const answer = python(`
rows = [json.loads(line) for line in open('parity.jsonl')][:6]
texts = [row['completion'] for row in rows]
truths = [row['ground_truth'] for row in rows]
verl = [reward.compute_score('x', text, truth, {'index': 1}) for text, truth in zip(texts, truths)]
trl = reward.reward([''] * 6, texts, ground_truth=truths, data_source=['x'] * 6)
chat = reward.reward([''] * 6, [[{'role': 'assistant', 'content': text}] for text in texts], ground_truth=truths)
print(json.dumps([verl, trl, chat, [row['reward'] for row in rows], reward.compute_score('x', '', truths[0]), reward.compute_score('x', 'a b', truths[0])]))`) as number[][];
    for (const each of answer.slice(0, 3)) expect(each).toEqual(answer[3]);
    expect(answer.slice(4)).toEqual([0, 0]);
  });

  it('judges lines of every built-in task as its verifier does', () => {
    const rng = makeRng(3, 3);
    const asked: { truth: string; text: string; reward: number; kind: string }[] = [];
    for (const kind of BUILTIN_KINDS) {
      const task = builtinTask(kind);
      const own = presetRecipe(kind, 'quick');
      const writer = rowWriter(own, makeCorpus(own, task.tokens.length, given));
      for (const [n, program] of task.samplePrograms(rng, 60).entries()) {
        // the expert's lines, but in two of three programs for a few
        const written = program.lines.map(({ tokens, sampled }) =>
          tokens.map((id, i) =>
            sampled[i] && n % 3 > 0 && rng.uniform() < 0.1 ? task.symbolLo + rng.int(task.symbolHi - task.symbolLo) : id,
          ),
        );
        const { contentLo } = task.latent as { contentLo: number };
        const { ids } = buildSequence(
          withWritten(program, written),
          program.lines.map(() => (rng.uniform() < 0.3 ? [contentLo] : null)),
          task.latent,
        );
        const text = writer.completion([...ids].slice(program.prompt.length));
        asked.push({ truth: writer.row(program).groundTruth, text, reward: task.verify(program, written).reward, kind });
      }
    }
    for (const kind of BUILTIN_KINDS) {
      const right = asked.filter((each) => each.kind === kind && each.reward === 1).length;
      expect([kind, right > 15 && right < 60]).toEqual([kind, true]);
    }
    writeFileSync(join(folder, 'asked.json'), JSON.stringify(asked));
    const answered = python(
      `print(json.dumps([reward.compute_score('', each['text'], each['truth']) for each in json.load(open('asked.json'))]))`,
    );
    expect(answered).toEqual(asked.map((each) => each.reward));
  });

  it('judges Python problems with tests of every kind', () => {
    const exact = (n: number): JsonNumber => new JsonNumber(String(n));
    const kinds: { tests: ProblemTests; right: string; wrong: string[]; prompt?: string; entryPoint?: string | null }[] = [
      {
        tests: { kind: 'check', source: 'def check(candidate):\n    assert candidate(2) == 4\n' },
        right: '    return 2 * x\n',
        wrong: ['    return x\n', '    return (\n', '    raise SystemExit(0)\n', '    import os\n    os._exit(0)\n'],
      },
      {
        tests: { kind: 'asserts', asserts: ['assert f(2) == 4', 'assert f(0) == zero'] },
        right: '    return 2 * x\n',
        wrong: ['    return 4\n', '    while True: pass\n'],
      },
      {
        tests: { kind: 'calls', cases: [{ args: '2', expected: [[exact(4)], exact(4)] }] },
        right: '    return 2 * x\n',
        wrong: ['    return 5\n'],
      },
      {
        tests: { kind: 'inputs', base: [{ json: [], source: '2' }], plus: [{ json: [], source: '0.1' }], atol: 0 },
        right: '    return x + x + 1e-9 if isinstance(x, float) else x + x\n',
        wrong: ['    return x\n', '    return str(x + x)\n'],
      },
      {
        tests: { kind: 'stdin', cases: [{ input: '3\n', output: '6.0\n' }] },
        prompt: '"""Doubles."""\n',
        entryPoint: null,
        right: 'print(2 * int(input()), "")\n',
        wrong: ['print(5)\n', 'print(6, 6)\n'],
      },
    ];
    const asked = kinds.flatMap(({ tests, right, wrong, prompt = 'def f(x):\n', entryPoint = 'f' }) => {
      const problem: PythonProblem = {
        id: tests.kind,
        suite: 'mapped',
        prompt,
        entryPoint,
        solution: '    return 2 * x\n',
        setup: 'zero = 0',
        tests,
        deadlineMs: 500,
        caveat: null,
      };
      const task = {
        ...CODE_DEFAULTS,
        kind: 'code',
        suite: 'mapped',
        promptField: 'p',
        solutionField: 's',
        maxTokens: 9,
        heldOut: 0,
        maxRows: 9,
        deadlineMs: 500,
      } as const;
      const writer = rowWriter({ ...recipe, task }, { ...corpus, problemOf: () => problem });
      const truth = writer.row({ prompt: [], lines: [], truth: [] }).groundTruth;
      // what follows a stop string counts for nothing
      return [
        { truth, text: `${right}\nassert False`, reward: 1, kind: tests.kind },
        ...wrong.map((text) => ({ truth, text, reward: 0, kind: tests.kind })),
      ];
    });
    writeFileSync(join(folder, 'asked.json'), JSON.stringify(asked));
    const answered = python(
      `print(json.dumps([reward.compute_score('', each['text'], each['truth']) for each in json.load(open('asked.json'))]))`,
    ) as number[];
    expect(answered.map((reward, i) => [asked[i]!.kind, asked[i]!.text, reward])).toEqual(
      asked.map(({ kind, text, reward }) => [kind, text, reward]),
    );
  });
});
