// What a study was: the command, where and when it ran, how long, and its recipe in a table. Pure. Refuses nothing.
import type { Recipe } from '../../run/recipe.ts';
import { duration } from '../summaryTable.ts';
import { mean, table } from './numbers.ts';
import type { SeedLog, StartEvent } from './seedLog.ts';
import type { StudyLogs } from './studyLogs.ts';

const PRESET_NAME: Record<Recipe['rlvr']['preset'], string> = {
  drgrpo: 'Dr. GRPO',
  grpo: 'GRPO',
  dapo: 'DAPO',
  rloo: 'RLOO',
  'reinforce++': 'REINFORCE++',
  gspo: 'GSPO',
  cispo: 'CISPO',
};

export function adapterName({ adapter }: StartEvent): string {
  const name = adapter.description || [adapter.vendor, adapter.architecture].filter(Boolean).join(' ') || 'unknown';
  return adapter.software ? `${name} (software)` : name;
}

/** Needs at least one log. */
export function factsTable({ study, variants }: StudyLogs): string {
  const logs = variants.flatMap((variant) => variant.logs);
  const { parameters, version } = logs[0]!.start;
  const { recipe } = study.variants[0]!;
  const { ra3 } = recipe;
  const distinct = (read: (log: SeedLog) => string): string[] => [...new Set(logs.map(read))].sort();
  const days = distinct((log) => log.start.startedAt.slice(0, 10));
  const seeds = [...new Set(logs.map((log) => log.start.recipe.seed))];
  const rows = [
    ['command', `\`npm run results -- --study ${study.name}\``],
    ['seeds', study.seeds.filter((seed) => seeds.includes(seed)).join(', ')],
    ...(study.variants[0]!.label ? [['variants', study.variants.map(({ label }) => label).join('; ')]] : []),
    ['adapter', distinct((log) => adapterName(log.start)).join('; ')],
    [
      'time per run',
      `${duration(mean(logs.map((log) => log.summary.timeMs)))} (${Math.round(mean(logs.map((log) => log.summary.tokPerS))).toLocaleString('en-US')} tokens/s, sampled or trained on, evaluation included)`,
    ],
    [
      'date, version',
      `${days.length > 1 ? `${days[0]} to ${days.at(-1)}` : days[0]}, ${distinct((log) => log.start.version).join(', ') || version}`,
    ],
    ['task', `${recipe.task.kind}${'window' in recipe.task ? `, window ${recipe.task.window}` : ''}`],
    ['model', `${parameters.toLocaleString('en-US')} parameters; ${baseFacts(recipe)}`],
    ['RA3', ra3Facts(ra3)],
    ['NTP', `${recipe.ntp.steps} steps × ${recipe.ntp.batch}, lr ${recipe.ntp.lr}`],
    ['RLVR', rlvrFacts(recipe.rlvr)],
    [
      'evaluation',
      `${recipe.evaluate.prompts} held-out prompts × ${recipe.evaluate.samples} samples, ranges ${recipe.evaluate.ranges.join(', ')}`,
    ],
  ];
  return `${table([['', ''], ...rows], 2)}${study.variants[0]!.label ? '\n\nSettings are those of the first variant.' : ''}`;
}

function ra3Facts(ra3: Recipe['ra3']): string {
  const price = ra3.kl === 'penalty' ? `c ${ra3.c}, η ${ra3.eta}` : `literal KL, α ${ra3.alpha}, η ${ra3.eta}`;
  const turns = [
    ra3.gamma === 1 ? '' : `, γ ${ra3.gamma}`,
    ra3.lengthNormalised ? ', rewards by length' : '',
    ra3.objective === 'policy-gradient' ? '' : `, ${ra3.objective}`,
    ra3.separate ? ', separate q' : '',
    ra3.stopBelow > 0 ? `, early stop below ${ra3.stopBelow}` : '',
  ].join('');
  const best = ra3.infuseBestOf > 1 ? `, best of ${ra3.infuseBestOf}` : '';
  return `${ra3.emIterations} EM iterations; E: ${ra3.eSteps} steps of ${ra3.programs} programs × ${ra3.group} rollouts, lr ${ra3.lr}, ${price}${turns}; infuse ${ra3.infuse}${best}; M: ${ra3.m.steps} steps × ${ra3.m.batch}, lr ${ra3.m.lr}`;
}

function rlvrFacts({ preset, range, steps, prompts, group, lr }: Recipe['rlvr']): string {
  if (steps === 0) return 'none';
  return `${PRESET_NAME[preset]}: ${steps} steps of ${prompts} prompts × ${group} rollouts, lr ${lr}, range ${range}`;
}

function baseFacts({ model, base }: Recipe): string {
  return model === 'fresh'
    ? `each seed’s own base: ${base.steps} steps × ${base.batch}, lr ${base.lr}`
    : 'the shipped base, the same for every seed';
}
