// Shows a run on a terminal while it goes: one bar that is redrawn, a line for every finished stage, time left; plain lines, few of them,
// where the output is not a terminal. Reads run events alone.
import type { RunEvent, StageRef } from '../run/events.ts';
import { ARM_LABEL } from '../run/recipe.ts';
import { duration } from './summaryTable.ts';

export interface TextOutput {
  isTTY?: boolean;
  columns?: number;
  write(text: string): unknown;
}

const BAR_CELLS = 24;
const REDRAW_MS = 100;
/** Without a terminal, a line at most this often. */
const PLAIN_LINE_MS = 15_000;

export class ProgressDisplay {
  private readonly output: TextOutput;
  private readonly now: () => number;
  private barShown = false;
  private lastShownMs = 0;
  private stageStartMs = 0;

  constructor(output: TextOutput, now: () => number = () => performance.now()) {
    this.output = output;
    this.now = now;
  }

  show(event: RunEvent): void {
    switch (event.type) {
      case 'start': {
        const { adapter } = event;
        this.line(
          `Adapter: ${adapter.vendor} ${adapter.architecture} ${adapter.description}${adapter.software ? ' (software)' : ''}`.trimEnd(),
        );
        this.line(`Model: ${event.parameters.toLocaleString('en-US')} parameters. Run ${event.runId}: ${event.recipe.name}`);
        break;
      }
      case 'stage':
        if (event.status === 'start') {
          this.stageStartMs = this.now();
          this.lastShownMs = this.stageStartMs;
          if (!this.output.isTTY) this.line(`${stageName(event)} ...`);
        } else this.line(`${stageName(event)}: ${event.steps} steps in ${duration(event.timeMs)}`);
        break;
      case 'progress':
        this.showProgress(event);
        break;
      case 'notice':
        this.line(event.level === 'info' ? event.message : `${event.level}: ${event.message}`);
        break;
      case 'end':
        this.clearBar();
        break;
      default:
    }
  }

  private showProgress(event: Extract<RunEvent, { type: 'progress' }>): void {
    const now = this.now();
    const fraction = event.total > 0 ? Math.min(1, event.done / event.total) : 0;
    if (now - this.lastShownMs < (this.output.isTTY ? REDRAW_MS : PLAIN_LINE_MS)) return;
    this.lastShownMs = now;
    const stageLeftMs = fraction > 0 ? ((now - this.stageStartMs) * (1 - fraction)) / fraction : null;
    const left = [
      stageLeftMs === null ? null : `${duration(stageLeftMs)} left`,
      event.leftMs === null ? null : `whole run ${percent(event.overall)}, ${duration(event.leftMs)} left`,
    ].filter((text) => text !== null);
    if (this.output.isTTY) {
      const cells = Math.round(fraction * BAR_CELLS);
      const bar = '█'.repeat(cells) + '░'.repeat(BAR_CELLS - cells);
      const text = `${stageName(event).padEnd(28)} ${bar} ${event.done}/${event.total}  ${left.join('; ')}`;
      this.output.write(`\r\x1b[2K${text.slice(0, (this.output.columns ?? 80) - 1)}`);
      this.barShown = true;
    } else this.output.write(`  ${event.done}/${event.total} (${percent(fraction)}) ${left.join('; ')}\n`);
  }

  private line(text: string): void {
    this.clearBar();
    this.output.write(`${text}\n`);
  }

  private clearBar(): void {
    if (this.barShown) this.output.write('\r\x1b[2K');
    this.barShown = false;
  }
}

/** Such as "RA3: E-step, round 2" or "base: RLVR". */
export function stageName(ref: StageRef): string {
  const names: Record<StageRef['stage'], string> = {
    base: 'pretraining',
    ntp: 'next-token prediction',
    'e-step': 'E-step',
    infuse: 'infusing thoughts',
    'm-step': 'M-step',
    rlvr: 'RLVR',
    evaluate: 'evaluation',
  };
  const round = ref.iteration === undefined ? '' : `, round ${ref.iteration}`;
  const phase = ref.stage === 'evaluate' && ref.phase !== undefined ? ` ${ref.phase} RLVR` : '';
  return `${ARM_LABEL[ref.arm]}: ${names[ref.stage]}${phase}${round}`;
}

function percent(fraction: number): string {
  return `${Math.round(fraction * 100)} %`;
}
