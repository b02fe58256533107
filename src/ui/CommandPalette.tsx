// The command palette: one field, and below it every action whose name has the letters typed. A combobox with a list: arrows choose, Enter does,
// Escape closes. What cannot be done now stays in the list and says why.
import { type KeyboardEvent, useEffect, useId, useState } from 'react';
import { flushSync } from 'react-dom';
import type { Action } from '../app/actions.ts';
import { findByLetters } from '../app/commands.ts';
import { closeDialog } from '../app/shell.ts';
import { commands, lab } from '../app/theLab.ts';
import { keyText } from './ActionButton.tsx';
import { ShellDialog } from './ShellDialog.tsx';
import { useLab } from './useLab.ts';

export function CommandPalette() {
  return (
    <ShellDialog name="commands" title="Commands" bare>
      <Palette />
    </ShellDialog>
  );
}

function Palette() {
  const id = useId();
  const [query, setQuery] = useState('');
  const [at, setAt] = useState(0);
  useLab((s) => s.runs);
  useLab((s) => s.activity);
  const state = lab.store.getState();
  const offered = commands.all().filter((action) => action.id !== 'commands');
  const found = findByLetters(query, offered, (action) => action.label(state));
  const chosen = found[at]?.item;
  useEffect(() => {
    document.getElementById(`${id}-${at}`)?.scrollIntoView({ block: 'nearest' });
  }, [id, at]);

  const perform = (action: Action | undefined) => {
    if (!action?.enabled(state)) return;
    // first the focus goes back to where it was, then the action may move it
    flushSync(closeDialog);
    action.perform();
  };
  const onKey = (event: KeyboardEvent) => {
    const last = found.length - 1;
    const to: Record<string, number> = {
      ArrowDown: at >= last ? 0 : at + 1,
      ArrowUp: at <= 0 ? last : at - 1,
      PageDown: Math.min(last, at + 8),
      PageUp: Math.max(0, at - 8),
    };
    if (event.key === 'Enter') perform(chosen);
    else if (event.key in to) setAt(to[event.key]!);
    else return;
    event.preventDefault();
  };
  return (
    <>
      <input
        type="text"
        role="combobox"
        aria-label="Find a command"
        aria-expanded="true"
        aria-autocomplete="list"
        aria-controls={`${id}-list`}
        aria-activedescendant={chosen ? `${id}-${at}` : undefined}
        placeholder="Find a command"
        autoComplete="off"
        spellCheck={false}
        value={query}
        onChange={(event) => {
          setQuery(event.target.value);
          setAt(0);
        }}
        onKeyDown={onKey}
      />
      <div role="listbox" id={`${id}-list`} aria-label="Commands" className="commands">
        {found.map(({ item, at: met }, i) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the field above has the keys
          <div
            key={item.id}
            id={`${id}-${i}`}
            role="option"
            tabIndex={-1}
            aria-selected={i === at}
            aria-disabled={!item.enabled(state)}
            onClick={() => perform(item)}
          >
            <span className="command-name">
              <Marked text={item.label(state)} met={met} />
            </span>
            <span className="command-about">{item.enabled(state) ? item.about : item.why(state)}</span>
            {item.key ? <kbd>{keyText(item)}</kbd> : null}
          </div>
        ))}
      </div>
      <p className="visually-hidden" role="status">
        {found.length === 0 ? 'No command' : `${found.length} commands`}
      </p>
      {found.length === 0 ? <p className="empty">No command has these letters in this order.</p> : null}
    </>
  );
}

/** The text with the letters that were met in bold. */
function Marked({ text, met }: { text: string; met: readonly number[] }) {
  const pieces: { text: string; bold: boolean; from: number }[] = [];
  for (let i = 0; i < text.length; i++) {
    const bold = met.includes(i);
    const last = pieces.at(-1);
    if (last?.bold === bold) last.text += text[i]!;
    else pieces.push({ text: text[i]!, bold, from: i });
  }
  return pieces.map((piece) => (piece.bold ? <b key={piece.from}>{piece.text}</b> : <span key={piece.from}>{piece.text}</span>));
}
