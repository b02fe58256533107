// Whether a program printed what it should, as LiveCodeBench compares: both without space at their ends, line by line, each line without space at its
// ends; lines that differ are equal where all their words are decimal numbers of equal values (1.0 and 1, never nearly equal ones). Pure.

export function sameOutput(actual: string, expected: string): boolean {
  const a = linesOf(actual);
  const b = linesOf(expected);
  return a.length === b.length && a.every((line, i) => line === b[i] || sameDecimals(line, b[i] as string));
}

function linesOf(text: string): string[] {
  return text
    .trim()
    .split('\n')
    .map((line) => line.trim());
}

function sameDecimals(a: string, b: string): boolean {
  const x = a.split(/\s+/).map(decimal);
  const y = b.split(/\s+/).map(decimal);
  return x.length === y.length && x.every((value, i) => value !== null && value === y[i]);
}

const DECIMAL = /^([+-]?)(?:(\d[\d_]*)?(?:\.([\d_]*))?(?:[eE]([+-]?\d+))?|(inf|infinity))$/i;

/** Equal texts for equal values of Python's Decimal; null for what is none, and for nan, which equals nothing. */
function decimal(word: string): string | null {
  const match = DECIMAL.exec(word);
  if (!match) return null;
  const [, sign, whole = '', fraction = '', exponent = '0', infinity] = match;
  if (infinity !== undefined) return `${sign === '-' ? '-' : ''}inf`;
  const digits = `${whole}${fraction}`.replaceAll('_', '');
  if (digits === '') return null;
  const significant = digits.replace(/^0+/, '');
  if (significant === '') return '0';
  const trimmed = significant.replace(/0+$/, '');
  const power = BigInt(exponent) - BigInt(fraction.replaceAll('_', '').length) + BigInt(significant.length - trimmed.length);
  return `${sign === '-' ? '-' : ''}${trimmed}e${power}`;
}
