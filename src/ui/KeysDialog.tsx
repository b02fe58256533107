// The list of keys: every action that has one, read from the action itself.
import type { Action } from '../app/actions.ts';
import { commands } from '../app/theLab.ts';
import { keyText } from './ActionButton.tsx';
import { ShellDialog } from './ShellDialog.tsx';
import { useLab } from './useLab.ts';

export function KeysDialog() {
  return (
    <ShellDialog name="keys" title="Keys">
      <table className="keys">
        <tbody>
          {commands.lasting
            .filter((action) => action.key !== null)
            .map((action) => (
              <KeyRow key={action.id} action={action} />
            ))}
          <tr>
            <th scope="row">
              <kbd>Ctrl K</kbd>
            </th>
            <td>Commands, from anywhere</td>
          </tr>
          <tr>
            <th scope="row">
              <kbd>Double click</kbd>
            </th>
            <td>On a chart: show all of it again; drag to zoom</td>
          </tr>
        </tbody>
      </table>
    </ShellDialog>
  );
}

function KeyRow({ action }: { action: Action }) {
  const label = useLab(action.label);
  return (
    <tr>
      <th scope="row">
        <kbd>{keyText(action)}</kbd>
      </th>
      <td>
        {label}: {action.about.charAt(0).toLowerCase() + action.about.slice(1)}
      </td>
    </tr>
  );
}
