// What is wider than its panel, a table say, scrolls sideways in a place of its own, by keyboard too.
import type { ReactNode } from 'react';

export function Scroll({ label, children }: { label: string; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: without it the keyboard cannot scroll here
    <section className="scroll" aria-label={label} tabIndex={0}>
      {children}
    </section>
  );
}
