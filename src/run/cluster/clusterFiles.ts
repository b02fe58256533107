// A run grown out of the tab: everything that RL engines elsewhere need to go on from it, as the files of one folder. Each chosen arm as a Hugging Face folder,
// the task's rows in the fields of each engine, one reward file of stdlib Python, the recipe in their words, rollouts of the log to check it all by.
// Promises: only what the run, its recipe and its data hold. Refuses (RecipeError) runs whose task has no reward, and arms that are not there.
import type { DroppedModel } from '../../formats/dropped.ts';
import { collect } from '../../formats/outputFile.ts';
import { PASS_THROUGH_TEMPLATE, wordTokenizer } from '../../formats/wordTokenizer.ts';
import { makeRng } from '../../tasks/rng.ts';
import type { Program } from '../../tasks/task.ts';
import type { Corpus } from '../corpus.ts';
import type { RunEvent } from '../events.ts';
import { folderFiles } from '../modelFiles.ts';
import { type Arm, type Recipe, RecipeError } from '../recipe.ts';
import { engineConfigs } from './configs.ts';
import { type Row, type RowWriter, rowWriter } from './groundTruth.ts';
import { type Parity, parityOf } from './parity.ts';
import REWARD from './reward.py?raw';
import VERIFY from './verify.py?raw';

export interface ClusterRun {
  recipe: Recipe;
  events: readonly RunEvent[];
  arms: ReadonlyMap<Arm, DroppedModel>;
  corpus: Corpus;
}

/** Rows of tasks whose programs are drawn. */
const DRAWN_ROWS = 1024;
const DRAWN_STREAM = 9_002;
const TEMPLATE_FILE = 'chat_template.jinja';

export async function clusterFiles(
  { recipe, events, arms, corpus }: ClusterRun,
  chosen: readonly Arm[],
): Promise<Record<string, Uint8Array | string>> {
  const [first] = chosen;
  if (first === undefined) throw new RecipeError('No arm was chosen. Choose the models that are to be exported.');
  const writer = rowWriter(recipe, corpus);
  const { range, prompts, group } = recipe.rlvr;
  const train = corpus.programs ?? corpus.train(makeRng(recipe.seed, DRAWN_STREAM), Math.max(DRAWN_ROWS, prompts), range);
  const test = corpus.heldOut(recipe.evaluate.prompts, range);
  const asked = train[0] ? writer.row(train[0]).prompt : '';
  const parity = parityOf(recipe, events, chosen, corpus, writer);
  const files: Record<string, Uint8Array | string> = {
    'recipe.json': `${JSON.stringify(recipe, null, 2)}\n`,
    'reward/reward.py': REWARD,
    'verify.py': VERIFY,
    'parity.jsonl': lines(parity.rows),
    'configs/pass_through.jinja': templateOf(writer, arms.get(first), asked),
    ...dataFiles(writer, train, 'train'),
    ...dataFiles(writer, test, 'test'),
  };
  const most = (length: (p: Program) => number): number => [...train, ...test].reduce((n, p) => Math.max(n, length(p)), 1);
  const promptTokens = most((p) => p.prompt.length);
  const { task } = recipe;
  const completionTokens = 'maxNewTokens' in task ? task.maxNewTokens : corpus.sizes[range].maxTokens - promptTokens;
  Object.assign(files, engineConfigs(recipe, first, { promptTokens, completionTokens }));
  for (const arm of chosen) {
    const folder = arms.get(arm);
    if (!folder)
      throw new RecipeError(`There is no trained ${arm} model in this run. Choose among ${[...arms.keys()].join(', ') || 'none'}.`);
    const tokenizerFiles = writer.words ? wordTokenizer(writer.words, '<bos>') : withTemplate(folder, templateOf(writer, folder, asked));
    for (const file of folderFiles({ ...folder, tokenizerFiles })) files[`model/${arm}/${file.name}`] = await collect(file);
  }
  files['README.md'] = readme({ recipe, corpus, chosen, train: train.length, test: test.length, parity, group });
  return files;
}

/** What the tokenizer puts before a text by itself, which it does not behind a special token; then the messages. */
function templateOf(writer: RowWriter, folder: DroppedModel | undefined, prompt: string): string {
  const tokenizer = writer.words ? null : folder?.tokenizer;
  if (!tokenizer || tokenizer.bosId === null) return PASS_THROUGH_TEMPLATE;
  const wanted = tokenizer.encode(prompt, { addBos: false }).join();
  const space = tokenizer.encodeContinuation(prompt).join() !== wanted && tokenizer.encodeContinuation(` ${prompt}`).join() === wanted;
  return `{{ bos_token }}${space ? "{{ ' ' }}" : ''}${PASS_THROUGH_TEMPLATE}`;
}

/** Engines that know messages alone need a template; one that the model came with stays. */
function withTemplate({ tokenizerFiles }: DroppedModel, template: string): Map<string, Uint8Array> {
  const config = tokenizerFiles.get('tokenizer_config.json');
  const has = tokenizerFiles.has(TEMPLATE_FILE) || (config !== undefined && new TextDecoder().decode(config).includes('"chat_template"'));
  return has ? tokenizerFiles : new Map([...tokenizerFiles, [TEMPLATE_FILE, new TextEncoder().encode(template)]]);
}

const lines = (rows: readonly unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

function dataFiles(writer: RowWriter, programs: readonly Program[], split: 'train' | 'test'): Record<string, string> {
  const rows = programs.map((program) => writer.row(program));
  const messages = ({ prompt }: Row) => [{ role: 'user', content: prompt }];
  const info = ({ id }: Row, index: number) => ({ split, index, id });
  const ability = writer.words ? 'lines' : 'code';
  return {
    [`data/verl/${split}.jsonl`]: lines(
      rows.map((row, i) => ({
        data_source: row.dataSource,
        prompt: messages(row),
        ability,
        reward_model: { style: 'rule', ground_truth: row.groundTruth },
        extra_info: info(row, i),
      })),
    ),
    [`data/trl/${split}.jsonl`]: lines(
      rows.map((row) => ({ prompt: row.prompt, ground_truth: row.groundTruth, data_source: row.dataSource })),
    ),
    [`data/openrlhf/${split}.jsonl`]: lines(rows.map((row) => ({ input: row.prompt, label: row.groundTruth }))),
    [`data/nemo_rl/${split}.jsonl`]: lines(rows.map((row) => ({ input: row.prompt, output: row.groundTruth }))),
    [`data/skyrl/${split}.jsonl`]: lines(
      rows.map((row, i) => ({
        data_source: row.dataSource,
        prompt: messages(row),
        env_class: 'ra3_lab',
        reward_spec: { method: 'rule', ground_truth: row.groundTruth },
        extra_info: info(row, i),
      })),
    ),
  };
}

interface Told {
  recipe: Recipe;
  corpus: Corpus;
  chosen: readonly Arm[];
  train: number;
  test: number;
  parity: Parity;
  group: number;
}

function readme({ recipe, corpus, chosen, train, test, parity, group }: Told): string {
  const withLogprobs = parity.rows.filter((row) => row.logprobs_exported !== null).length;
  const leftOut = [...parity.leftOut].map(([why, count]) => `${count} (${why})`).join(', ');
  const environment = corpus.programs === null && corpus.heldOut(1).some((p) => p.lines.some(({ sampled }) => sampled.includes(false)));
  const notes = [
    ...(corpus.window > 0
      ? [
          `In the lab this task is seen through a window of ${corpus.window} tokens and the latest thought. Engines know no such attention: there the whole text is in sight, and what is learnt is another thing. \`verify.py --logprobs\` makes the lab's attention; \`--engine\` shows what an engine sees.`,
        ]
      : []),
    ...(environment
      ? [
          'In the lab the environment writes some words of each line (which line comes next). In one turn an engine lets the model write them; the reward takes them from the row, whatever was written.',
        ]
      : []),
    ...(corpus.form.kind === 'codebook'
      ? [
          'In the lab each word is drawn from those that may stand there; an engine draws from the whole vocabulary, and what cannot be read as a line has reward 0.',
        ]
      : [
          'The lab asks without a chat template. A model that came without one has one here that adds nothing; where it came with its own, give engines that apply it `configs/pass_through.jinja`.',
        ]),
  ];
  return `# ${recipe.name}

A run of RA3 Lab, to go on from with engines elsewhere. \`recipe.json\` is what ran.

- \`model/\`: ${chosen.join(', ')}, each a Hugging Face folder; as they were at the run's end, after RLVR where it ran.
- \`data/\`: ${train} rows to train on and ${test} held out, for verl, TRL, OpenRLHF, NeMo-RL and SkyRL. ${corpus.programs === null ? 'Drawn by the task’s generator.' : 'Those of the run’s dataset that fit its limits.'}
- \`reward/reward.py\`: the verifier in stdlib Python; its head says how each engine calls it, and where it differs from the lab's.
- \`configs/\`: the recipe in each engine's words, on model/${chosen[0]}. TRL's script has been run by us. The others are written from what we know of those engines and have not been run: check their keys against your version.
- \`parity.jsonl\`: ${parity.rows.length} rollouts of the run's log in groups of ${group}; ${withLogprobs} of them tell log-probabilities under the exported weights.${leftOut ? ` Left out: ${leftOut}.` : ''}${parity.rows.length === 0 && !leftOut ? ' The log holds none: no RLVR ran with these arms.' : ''}
- \`verify.py\`: makes rewards, and with \`--logprobs\` log-probabilities, again and compares.

${notes.map((note) => `${note}\n`).join('\n')}`;
}
