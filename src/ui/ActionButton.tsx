// A button that is one of the lab's actions: label, key and state come from the action.
import type { Action } from '../app/actions.ts';
import { useLab } from './useLab.ts';

export function ActionButton({ action, primary = false }: { action: Action; primary?: boolean }) {
  const label = useLab(action.label);
  const enabled = useLab(action.enabled);
  const why = useLab(action.why);
  const key = action.key === ' ' ? 'space' : action.key.toUpperCase();
  return (
    <button
      type="button"
      className={primary ? 'primary' : undefined}
      disabled={!enabled}
      title={enabled ? `${action.about} (${key})` : why}
      aria-keyshortcuts={key}
      onClick={action.perform}
    >
      {label}
    </button>
  );
}
