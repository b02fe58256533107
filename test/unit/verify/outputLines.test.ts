import { expect, it } from 'vitest';
import { sameOutput } from '../../../src/verify/outputLines.ts';

it.each([
  ['1 2\n3\n', '1 2\n3', true],
  ['  1 2  \n 3', '1 2\n3\n\n', true],
  ['1  2', '1 2', true],
  ['1\n2', '1 2', false],
  ['1.0', '1', true],
  ['1e2 0.50', '100 0.5', true],
  ['1_000', '1000', true],
  ['-0', '0', true],
  ['50000000000000000', '50000000000000001', false],
  ['0.1', '0.10000000001', false],
  ['inf', 'Infinity', true],
  ['nan', 'nan', true],
  ['nan x', 'nan  x', false],
  ['YES', 'yes', false],
  ['a  b', 'a b', false],
  ['', '\n', true],
  ['', '0', false],
  ['1\n\n2', '1\n2', false],
  ['1e99999999999', '10e99999999998', true],
])('%j against %j: %s', (actual, expected, same) => {
  expect(sameOutput(actual, expected)).toBe(same);
  expect(sameOutput(expected, actual)).toBe(same);
});
