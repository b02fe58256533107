// When the panels beside and below the first picture are mounted: after it, one at a time, whenever the page has nothing else to do. So a first visit sees
// curves before anything else is built. Promises that every turn comes, soon, even on a page that is never idle.
import { useEffect } from 'react';
import { useStore } from 'zustand';
import { createStore } from 'zustand/vanilla';
import { useLab } from './useLab.ts';

const SOON_MS = 250;
/** A hidden page draws no frames. */
const NO_FRAME_MS = 500;
/** The mark of that moment in the browser's timeline. */
const FIRST_PICTURE = 'first picture';

const turns = createStore<{ turn: number }>(() => ({ turn: 0 }));
let sayFirstPicture: () => void;
const firstPicture = new Promise<void>((resolve) => {
  sayFirstPicture = () => {
    performance.mark(FIRST_PICTURE);
    resolve();
  };
});

/** Settles when something is shown, or it was said why nothing is, and that is on the screen. */
export function whenFirstPicture(): Promise<void> {
  return firstPicture;
}

/** Whether the turn has come. */
export function useTurn(turn: number): boolean {
  return useStore(turns, (s) => s.turn >= turn);
}

/** Starts the turns; a component of its own, so that nothing else is drawn anew at each. */
export function Turns({ last }: { last: number }): null {
  const hasPicture = useLab((s) => s.shown !== 'nothing' || s.messages.length > 0);
  const turn = useStore(turns, (s) => s.turn);
  useEffect(() => {
    if (!hasPicture || turn >= last) return;
    let handle: number | null = null;
    let isOver = false;
    void painted().then(() => {
      if (turn === 0) sayFirstPicture();
      if (!isOver) handle = requestIdleCallback(() => turns.setState({ turn: turn + 1 }), { timeout: SOON_MS });
    });
    return () => {
      isOver = true;
      if (handle !== null) cancelIdleCallback(handle);
    };
  }, [hasPicture, turn, last]);
  return null;
}

/** When a frame has been handed over. */
function painted(): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, NO_FRAME_MS);
    requestAnimationFrame(() => {
      clearTimeout(timer);
      setTimeout(resolve);
    });
  });
}
