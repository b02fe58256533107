// The recipe's fields as the form names them. Fields that the recipe at hand does not have (another kind of task) are left out.

export interface Field {
  path: string;
  label: string;
  about: string;
  options?: readonly string[];
  kind: 'number' | 'text' | 'choice' | 'flag';
}

const number = (path: string, label: string, about: string): Field => ({ path, label, about, kind: 'number' });

export const GROUPS: readonly { title: string; open: boolean; fields: readonly Field[] }[] = [
  {
    title: 'Task',
    open: true,
    fields: [
      { path: 'name', label: 'Name', about: 'Shown in links and files; no effect on the run', kind: 'text' },
      number('seed', 'Seed', 'Same seed, adapter and browser: same numbers'),
      { path: 'task.promptField', label: 'Prompt field', about: 'Field of each row that holds the prompt', kind: 'text' },
      { path: 'task.solutionField', label: 'Solution field', about: 'Field that holds the expert solution', kind: 'text' },
      { path: 'task.field', label: 'Text field', about: 'Field that holds the text', kind: 'text' },
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
    title: 'RLVR',
    open: false,
    fields: [
      number('rlvr.steps', 'Steps', 'Per arm; 0 = no RLVR'),
      number('rlvr.prompts', 'Prompts', 'Per step'),
      number('rlvr.group', 'Rollouts (G)', 'Per prompt'),
      number('rlvr.lr', 'Learning rate', ''),
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
