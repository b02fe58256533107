// The guided tour: a card in the corner and a line around what it speaks of. The page stays usable under it; arrows go on and back, Escape ends it.
import { type KeyboardEvent, useEffect, useRef } from 'react';
import { useStore } from 'zustand';
import { calm, shell, tourTo } from '../app/shell.ts';
import { TOUR } from '../app/tour.ts';

export function Tour() {
  const at = useStore(shell, (s) => s.tour);
  const card = useRef<HTMLDivElement>(null);
  const before = useRef<Element | null>(null);
  useEffect(() => {
    if (at === null) {
      if (before.current instanceof HTMLElement) before.current.focus({ preventScroll: true });
      before.current = null;
      return;
    }
    before.current ??= document.activeElement;
    const anchor = document.querySelector(TOUR[at]!.anchor);
    anchor?.setAttribute('data-toured', '');
    anchor?.scrollIntoView({ block: 'start', behavior: calm() ? 'auto' : 'smooth' });
    card.current?.focus({ preventScroll: true });
    return () => anchor?.removeAttribute('data-toured');
  }, [at]);
  useEffect(() => {
    if (at === null) return;
    const end = (event: globalThis.KeyboardEvent) => {
      if (event.key === 'Escape' && !document.querySelector('dialog[open]')) shell.setState({ tour: null });
    };
    addEventListener('keydown', end);
    return () => removeEventListener('keydown', end);
  }, [at]);
  if (at === null) return null;
  const { title, text } = TOUR[at]!;
  const onKey = (event: KeyboardEvent) => {
    if (event.key === 'ArrowRight') tourTo(at + 1);
    if (event.key === 'ArrowLeft' && at > 0) tourTo(at - 1, -1);
  };
  const isLast = at === TOUR.length - 1;
  return (
    <div
      ref={card}
      className="tour"
      role="dialog"
      aria-labelledby="tour-title"
      aria-describedby="tour-text"
      tabIndex={-1}
      onKeyDown={onKey}
    >
      <p className="detail num">
        {at + 1} of {TOUR.length}
      </p>
      <h2 id="tour-title">{title}</h2>
      <p id="tour-text">{text}</p>
      <div className="tour-verbs">
        <button type="button" className="quiet" onClick={() => shell.setState({ tour: null })}>
          End
        </button>
        <button type="button" disabled={at === 0} onClick={() => tourTo(at - 1, -1)}>
          Back
        </button>
        <button type="button" className="primary" onClick={() => tourTo(at + 1)}>
          {isLast ? 'Done' : 'Next'}
        </button>
      </div>
    </div>
  );
}
