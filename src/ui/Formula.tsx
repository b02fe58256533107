// The formulas of the theory, as the browser's own MathML: read by screen readers, in the page's ink. Nothing else.
import { createElement, type ReactNode } from 'react';
import type { InstrumentName } from '../app/theory.ts';

const el =
  (tag: string) =>
  (...children: ReactNode[]): ReactNode =>
    createElement(tag, null, ...children);
const row = el('mrow');
const mi = el('mi');
const mn = el('mn');
const mo = el('mo');
const text = el('mtext');
const frac = el('mfrac');
const sub = el('msub');
const sup = el('msup');
const over = el('mover');
const under = el('munder');
const subsup = el('msubsup');

const space = createElement('mspace', { width: '0.2em' });
const gap = createElement('mspace', { width: '1.2em' });
const log = row(space, mi('log'), space);

const fn = (name: string, ...inside: ReactNode[]): ReactNode => row(mi(name), mo('('), ...inside, mo(')'));
const size = (...inside: ReactNode[]): ReactNode => row(mo('|'), ...inside, mo('|'));
const zEps = sub(mi('Z'), mi('ε'));
const gbar = over(mi('γ'), mo('¯'));
const oneMinusGbar = row(mn('1'), mo('−'), gbar);
const starPruned = subsup(mi('V'), row(mi('Z'), mo('′')), mo('*'));
const valueStar = sup(mi('V'), mo('*'));
const valuePi = sup(mi('V'), mi('π'));
const given = mo('|');
const zt = sub(mi('z'), mi('t'));
const st = sub(mi('s'), mi('t'));

const FORMULAS: Record<InstrumentName, ReactNode> = {
  pruning: row(
    size(sub(mi('D'), mi('E'))),
    mo('='),
    mi('Θ'),
    mo('('),
    frac(row(size(zEps), log, mo('('), size(mi('Z')), mo('/'), mi('δ'), mo(')')), mi('σ')),
    mo(')'),
  ),
  convergence: row(
    mi('N'),
    mo('≥'),
    frac(mn('1'), oneMinusGbar),
    log,
    frac(sub(mi('R'), text('max')), row(mi('ε'), mo('('), oneMinusGbar, mo(')'))),
    gap,
    gbar,
    mo('='),
    under(mo('sup'), row(mi('s'), mo(','), mi('z'))),
    mi('E'),
    mo('['),
    sup(mi('γ'), mi('τ')),
    mo(']'),
  ),
  'sticky-elbo': row(
    log,
    mi('p'),
    mo('≥'),
    sub(mi('E'), mi('q')),
    under(mo('∑'), mi('t')),
    mo('['),
    log,
    fn('π', sub(mi('a'), mi('t')), given, st, mo(','), zt),
    mo('−'),
    text('KL'),
    mo('('),
    fn('q', zt, given, mo('·')),
    mo('∥'),
    fn('p', zt, given, sub(mi('z'), row(mi('t'), mo('−'), mn('1')))),
    mo(')'),
    mo(']'),
  ),
  'four-rooms': row(
    row(valueStar, mo('−'), valuePi),
    mo('='),
    mo('('),
    row(valueStar, mo('−'), starPruned),
    mo(')'),
    mo('+'),
    mo('('),
    row(starPruned, mo('−'), valuePi),
    mo(')'),
  ),
};

export function Formula({ of }: { of: InstrumentName }) {
  return <p className="formula">{createElement('math', { displaystyle: 'true' }, FORMULAS[of])}</p>;
}
