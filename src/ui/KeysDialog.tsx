// The list of keys: every action with its key, and a button to do it from here.
import type { Action } from '../app/actions.ts';
import { actions } from '../app/theLab.ts';
import { useLab } from './useLab.ts';

const ID = 'keys';

export function openKeys(): void {
  const dialog = document.getElementById(ID);
  if (dialog instanceof HTMLDialogElement && !dialog.open) dialog.showModal();
}

export function KeysDialog() {
  const all = Object.values(actions as unknown as Record<string, Action>);
  return (
    <dialog id={ID} aria-labelledby={`${ID}-title`}>
      <h2 id={`${ID}-title`}>Keys</h2>
      <table className="keys">
        <tbody>
          {all.map((action) => (
            <KeyRow key={action.id} action={action} />
          ))}
          <tr>
            <th scope="row">
              <kbd>double click</kbd>
            </th>
            <td>On a chart: show all of it again; drag to zoom</td>
          </tr>
          <tr>
            <th scope="row">
              <kbd>?</kbd>
            </th>
            <td>This list</td>
          </tr>
        </tbody>
      </table>
      <form method="dialog">
        <button type="submit">Close</button>
      </form>
    </dialog>
  );
}

function KeyRow({ action }: { action: Action }) {
  const label = useLab(action.label);
  return (
    <tr>
      <th scope="row">
        <kbd>{action.key === ' ' ? 'space' : action.key.toUpperCase()}</kbd>
      </th>
      <td>
        {label}: {action.about.toLowerCase()}
      </td>
    </tr>
  );
}
