// The recipe's fields as the form names them. Fields that the recipe at hand does not have (another kind of task) are left out.
import { OBJECTIVE, PRESETS, SUITES } from '../run/recipe.ts';

export interface Field {
  path: string;
  label: string;
  about: string;
  options?: readonly string[];
  kind: 'number' | 'text' | 'choice' | 'flag';
}

const number = (path: string, label: string, about: string): Field => ({ path, label, about, kind: 'number' });

const OBJECTIVE_CHOICES: readonly [keyof typeof OBJECTIVE, string, string][] = [
  ['baseline', 'Baseline', 'What is taken from a reward'],
  ['scale', 'Scale', 'Standard deviation that the advantage is divided by'],
  ['ratio', 'Ratio', 'Importance ratio to the policy that sampled'],
  ['clip', 'Clipping', 'Of the ratio; weight-only keeps the gradient, dual bounds negative advantages too'],
  ['aggregation', 'Aggregation', 'Of tokens to the loss; sequence-sum divides by a constant length'],
  ['kl', 'KL', 'Estimator of the KL to the model that RLVR started from'],
  ['klPlace', 'KL in', ''],
  ['overlong', 'Overlong', 'Rollouts near the longest length: punished (soft), or left out where they were cut off (mask)'],
];

export const RANGE_LABEL: Record<string, string> = { in: 'trained lengths', edge: 'a little longer', hard: 'much longer' };

export const GROUPS: readonly { title: string; open: boolean; fields: readonly Field[] }[] = [
  {
    title: 'Task',
    open: true,
    fields: [
      { path: 'name', label: 'Name', about: 'Shown in links and files; no effect on the run', kind: 'text' },
      {
        path: 'model',
        label: 'Model',
        about: 'embedded: the shipped base; fresh: a base trained in the run; dropped: the model folder',
        kind: 'choice',
        options: ['embedded', 'fresh', 'dropped'],
      },
      number('seed', 'Seed', 'Same seed, adapter and browser: same numbers'),
      { path: 'task.promptField', label: 'Prompt field', about: 'Field of each row that holds the prompt', kind: 'text' },
      { path: 'task.solutionField', label: 'Solution field', about: 'Field that holds the expert solution', kind: 'text' },
      {
        path: 'task.suite',
        label: 'Rows are',
        about: 'fields: prompts and solutions alone; mapped: with tests in the fields named below; else a published suite',
        kind: 'choice',
        options: SUITES,
      },
      { path: 'task.testsField', label: 'Tests field', about: 'Of mapped rows: assert statements', kind: 'text' },
      {
        path: 'task.setupField',
        label: 'Setup field',
        about: 'Of mapped rows: Python that runs before the tests; may be empty',
        kind: 'text',
      },
      { path: 'task.entryPointField', label: 'Name field', about: 'Of mapped rows: the name of the function; may be empty', kind: 'text' },
      {
        path: 'task.verify',
        label: 'Judge by the tests',
        about: 'RLVR and pass@k; what is written runs in the Python sandbox',
        kind: 'flag',
      },
      {
        path: 'task.split',
        label: 'Split',
        about: 'rows: by order; dataset: as its authors split it',
        kind: 'choice',
        options: ['rows', 'dataset'],
      },
      number('task.maxNewTokens', 'Max new tokens', 'Written after a prompt at most'),
      number('task.deadlineMs', 'Deadline (ms)', 'Of a written program with its tests'),
      { path: 'task.field', label: 'Text field', about: 'Field that holds the text', kind: 'text' },
      number('task.window', 'Window', 'Attention window in tokens in place of the task’s own'),
      number('task.maxTokens', 'Max tokens', 'Longer rows are cut here'),
      number('task.heldOut', 'Held out', 'Fraction of rows kept for evaluation, by row order'),
      number('task.maxRows', 'Max rows', 'Rows read at most'),
    ],
  },
  {
    title: 'RA3 mid-training',
    open: true,
    fields: [
      number('ra3.emIterations', 'EM iterations', 'Rounds of E-step, infusing and M-step'),
      number('ra3.eSteps', 'E-steps', 'Policy gradient steps per round'),
      number('ra3.programs', 'Programs (B)', 'Expert programs per E-step batch'),
      number('ra3.group', 'Rollouts (G)', 'Sampled latent sequences per program; their mean is the baseline'),
      number('ra3.lr', 'E learning rate', ''),
      {
        path: 'ra3.objective',
        label: 'E objective',
        about: 'policy-gradient: rewards against the group’s mean; importance-weighted: rollouts weigh by p(x, z) / q(z)',
        kind: 'choice',
        options: ['policy-gradient', 'importance-weighted'],
      },
      { path: 'ra3.separate', label: 'Keep q a network of its own', about: 'Each E-step goes on from q’s last weights', kind: 'flag' },
      number('ra3.stopBelow', 'Stop below', 'Nats that the reward per line must gain over 10 steps; 0 = all E-steps'),
      {
        path: 'ra3.kl',
        label: 'KL',
        about: 'penalty: a fixed cost per thought; literal: the KL to the sticky prior',
        kind: 'choice',
        options: ['penalty', 'literal'],
      },
      number('ra3.c', 'Penalty c', 'Nats that a thought costs; very high c is next-token prediction'),
      number('ra3.alpha', 'Persistence α', 'Chance that the prior keeps a latent; used by the literal KL'),
      number('ra3.tokenPenalty', 'Penalty per token', 'Nats per latent token'),
      number('ra3.capPenalty', 'Penalty at the cap', 'Nats when a thought hits its longest length'),
      number('ra3.eta', 'Entropy η', 'Weight of the entropy bonus; 0 collapses'),
      number('ra3.gamma', 'Discount γ', 'Of later lines’ rewards'),
      number('ra3.thinkFloor', 'Think floor', 'Think rate lifted to this before the first E-step; 0 = off'),
      number('ra3.maxLatentTokens', 'Thought length', 'Tokens of a thought at most'),
      { path: 'ra3.lengthNormalised', label: 'Divide rewards by line length', about: '', kind: 'flag' },
      number('ra3.infuse', 'Infused programs', 'Programs with sampled latents per M-step'),
      number('ra3.infuseBestOf', 'Infuse best of', 'Samples per program, of which the one with the highest reward is kept'),
      number('ra3.m.steps', 'M-steps', 'Supervised steps per round'),
      number('ra3.m.batch', 'M batch', ''),
      number('ra3.m.lr', 'M learning rate', ''),
      number('ra3.m.weightDecay', 'M weight decay', ''),
    ],
  },
  {
    title: 'NTP baseline',
    open: false,
    fields: [
      number('ntp.steps', 'Steps', ''),
      number('ntp.batch', 'Batch', ''),
      number('ntp.lr', 'Learning rate', ''),
      number('ntp.weightDecay', 'Weight decay', ''),
    ],
  },
  {
    title: 'Fresh base',
    open: false,
    fields: [
      number('base.steps', 'Steps', 'On the task’s pre-training corpus; for the model "fresh"'),
      number('base.batch', 'Batch', ''),
      number('base.lr', 'Learning rate', ''),
      number('base.weightDecay', 'Weight decay', ''),
      number('base.matrixStd', 'Matrix std', 'Matrices start at normal(0, std)'),
      number('base.embeddingStd', 'Embedding std', ''),
    ],
  },
  {
    title: 'RLVR',
    open: false,
    fields: [
      {
        path: 'rlvr.preset',
        label: 'Objective',
        about: 'Sets every switch below that is left at "preset"',
        kind: 'choice',
        options: PRESETS,
      },
      number('rlvr.steps', 'Steps', 'Per arm; 0 = no RLVR'),
      {
        path: 'rlvr.range',
        label: 'Range',
        about: 'Length of the programs practised on: as trained, a little longer, much longer',
        kind: 'choice',
        options: ['in', 'edge', 'hard'],
      },
      number('rlvr.prompts', 'Prompts', 'Per step'),
      number('rlvr.group', 'Rollouts (G)', 'Per prompt'),
      number('rlvr.lr', 'Learning rate', ''),
      number('rlvr.clipNorm', 'Clip norm', 'Gradients are clipped to this norm; 0 = not'),
      number('rlvr.updates', 'Updates', 'Per batch of rollouts; from the second on they are off-policy'),
      number('rlvr.minibatches', 'Minibatches', 'Parts of the batch that updates take in turn; they divide the prompts'),
      ...OBJECTIVE_CHOICES.map(
        ([key, label, about]): Field => ({ path: `rlvr.${key}`, label, about, kind: 'choice', options: ['preset', ...OBJECTIVE[key]] }),
      ),
      number('rlvr.clipLow', 'Clip low', 'Ratios below 1 minus this are clipped; "preset" = as the objective has it'),
      number('rlvr.clipHigh', 'Clip high', 'Ratios above 1 plus this are clipped; "preset" = as the objective has it'),
      number('rlvr.klBeta', 'KL weight β', '"preset" = as the objective has it'),
      number('rlvr.entropyBonus', 'Entropy bonus', 'Weight of the mean entropy per token; "preset" = as the objective has it'),
      number('rlvr.dynamicSampling', 'Resampling', 'Rounds at most that replace groups without spread; "preset" = as the objective has it'),
      number('rlvr.overlongWindow', 'Overlong window', 'Last part of the longest length in which rollouts are punished, as a fraction'),
    ],
  },
  {
    title: 'Evaluation',
    open: false,
    fields: [
      number('evaluate.prompts', 'Prompts', 'Held-out prompts'),
      number('evaluate.samples', 'Samples', 'Per prompt; pass@k is known up to this k'),
    ],
  },
];
