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
  it('covers the faults of files, of the GPU and of numbers', () => {
    const ids = new Set(rows.map((row) => row.id));
    const wanted = [...Array.from({ length: 18 }, (_, i) => i + 1), ...Array.from({ length: 12 }, (_, i) => i + 36)]
      .filter((n) => n !== 8)
      .map((n) => `R${String(n).padStart(2, '0')}`);
    expect(wanted.filter((id) => !ids.has(id))).toEqual([]);
  });

  it.each(rows)('$id: $file has "$name"', ({ file, name }) => {
    expect(existsSync(file)).toBe(true);
    expect(name.length).toBeGreaterThan(2);
    expect(readText(file)).toContain(name);
  });
});
