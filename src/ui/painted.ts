// When what React has been given is on the screen. Promises to settle on a page that is hidden, too, where no frame is drawn.

const HIDDEN_MS = 500;

export function painted(): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, HIDDEN_MS);
    // a task after a frame's callback runs when the frame has been handed over
    requestAnimationFrame(() =>
      requestAnimationFrame(() => {
        clearTimeout(timer);
        setTimeout(resolve);
      }),
    );
  });
}
