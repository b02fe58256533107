// A dialog of the page's shell: modal, closed by Escape, by its button and by a press beside it. Its content is made when it is opened, so that it
// shows what is so then.
import { type MouseEvent, type ReactNode, useId, useLayoutEffect, useRef, useState } from 'react';
import { useStore } from 'zustand';
import { closeDialog, type DialogName, shell } from '../app/shell.ts';
import { useLab } from './useLab.ts';

interface ShellDialogProps {
  name: DialogName;
  title: string;
  /** Without a title on show and a button to close: for what begins with a field of its own. */
  bare?: boolean;
  children: ReactNode;
}

/** What failed since the dialog was opened: what stands on the page is behind it. */
function AlertsSince() {
  const alerts = useLab((s) => s.alerts);
  const [before] = useState(alerts);
  return alerts
    .filter((alert) => !before.includes(alert))
    .map((alert) => (
      <p key={alert} className="issue" role="alert">
        {alert}
      </p>
    ));
}

export function ShellDialog({ name, title, bare = false, children }: ShellDialogProps) {
  const open = useStore(shell, (s) => s.dialog === name);
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  useLayoutEffect(() => {
    const dialog = element.current;
    if (open && !dialog?.open) dialog?.showModal();
    if (!open && dialog?.open) dialog.close();
  }, [open]);
  const pressed = (event: MouseEvent) => {
    if (event.target === element.current) closeDialog();
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes it
    <dialog ref={element} className={`dialog-${name}`} aria-labelledby={id} onClose={closeDialog} onClick={pressed}>
      {open ? (
        <div className="dialog-inside">
          <h2 id={id} className={bare ? 'visually-hidden' : undefined}>
            {title}
          </h2>
          {children}
          <AlertsSince />
          {bare ? null : (
            <button type="button" onClick={closeDialog}>
              Close
            </button>
          )}
        </div>
      ) : null}
    </dialog>
  );
}
