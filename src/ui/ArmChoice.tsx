// Which arm a panel shows.
import { armLabel } from '../app/curves.ts';
import type { Arm } from '../app/runLog.ts';

export function ArmChoice({ arms, arm, onChoose }: { arms: readonly Arm[]; arm: Arm | undefined; onChoose: (arm: Arm) => void }) {
  return (
    <fieldset className="segmented" aria-label="Arm">
      {arms.map((a) => (
        <button key={a} type="button" aria-pressed={a === arm} onClick={() => onChoose(a)}>
          {armLabel(a)}
        </button>
      ))}
    </fieldset>
  );
}
