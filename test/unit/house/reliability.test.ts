// docs/reliability.md names a test for each fault; the files and the names are there.
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readText } from './sources.ts';

const rows = readText('docs/reliability.md')
  .split('\n')
  .filter((line) => /^\| R\d\d \|/.test(line))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, id, , file, name]) => ({ id: id ?? '', file: file ?? '', name: name ?? '' }));

describe('docs/reliability.md', () => {
  it('covers every fault but the two that it names', () => {
    const ids = new Set(rows.map((row) => row.id));
    const wanted = Array.from({ length: 56 }, (_, i) => `R${String(i + 1).padStart(2, '0')}`).filter((id) => id !== 'R08');
    expect(wanted.filter((id) => !ids.has(id))).toEqual([]);
  });

  it.each(rows)('$id: $file has "$name"', ({ file, name }) => {
    expect(existsSync(file)).toBe(true);
    expect(name.length).toBeGreaterThan(2);
    expect(readText(file)).toContain(name);
  });
});
