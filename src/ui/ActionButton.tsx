// A button that is one of the lab's actions: label, key and state come from the action.
import type { Action } from '../app/actions.ts';
import { useLab } from './useLab.ts';

export function ActionButton({ action, primary = false, quiet = false }: { action: Action; primary?: boolean; quiet?: boolean }) {
  const label = useLab(action.label);
  const enabled = useLab(action.enabled);
  const why = useLab(action.why);
  const key = keyText(action);
  return (
    <button
      type="button"
      className={primary ? 'primary' : quiet ? 'quiet' : undefined}
      disabled={!enabled}
      title={enabled ? `${action.about}${key ? ` (${key})` : ''}` : why}
      aria-keyshortcuts={key || undefined}
      data-verb={action.id}
      onClick={action.perform}
    >
      {label}
    </button>
  );
}

/** The key as people read it; empty for none. */
export function keyText({ key }: Action): string {
  return key === ' ' ? 'Space' : (key?.toUpperCase() ?? '');
}
