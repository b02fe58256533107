// Which panels are shown. The choice stands in the address, so that a link opens the page as its sender left it: a lesson may show two panels alone.
import { useStore } from 'zustand';
import { PLACES } from '../app/shell.ts';
import { view } from '../app/theView.ts';
import { ShellDialog } from './ShellDialog.tsx';

export function PanelsDialog() {
  return (
    <ShellDialog name="panels" title="Panels">
      <Choices />
    </ShellDialog>
  );
}

function Choices() {
  const hidden = useStore(view.store, (s) => s.hidden);
  const embed = useStore(view.store, (s) => s.embed);
  const choice = (side: 'inputs' | 'outputs') =>
    PLACES.filter((place) => place.side === side).map(({ name, title }) => (
      <label key={name} className="check">
        <input type="checkbox" checked={!hidden.includes(name)} onChange={(e) => view.setHidden(name, !e.target.checked)} />
        {title}
      </label>
    ));
  return (
    <>
      <p className="detail">Shown here, and to whoever opens a link that is shared from here.</p>
      <div className="panel-choice">
        <fieldset>
          <legend>What comes out</legend>
          {choice('outputs')}
        </fieldset>
        <fieldset disabled={embed}>
          <legend>What goes in</legend>
          {choice('inputs')}
        </fieldset>
      </div>
      <label className="check">
        <input type="checkbox" checked={embed} onChange={(e) => view.set({ embed: e.target.checked })} />
        Only what comes out: no header and nothing that goes in, for a lesson or a slide
      </label>
      <p className="detail">
        Such a link opens as a page of its own. Another site cannot show it in a frame: the policy that keeps data in this tab forbids that
        too.
      </p>
    </>
  );
}
