// A dialog of the page's shell: modal, closed by Escape, by its button and by a press beside it. Its content is made when it is opened, so that it
// shows what is so then.
import { type MouseEvent, type ReactNode, useId, useLayoutEffect, useRef } from 'react';
import { useStore } from 'zustand';
import { closeDialog, type DialogName, shell } from '../app/shell.ts';

interface ShellDialogProps {
  name: DialogName;
  title: string;
  /** Without a title on show and a button to close: for what begins with a field of its own. */
  bare?: boolean;
  children: ReactNode;
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
