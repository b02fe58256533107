// The verb export: what it writes from a run's folder and from its bundle is the same; what it refuses, one sentence each.
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { exportRun } from '../../../src/headless/exportVerb.ts';
import { writeBundle } from '../../../src/share/bundle.ts';

let dir: string;
let log: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'ra3-lab-export-'));
  log = gunzipSync(readFileSync('public/demo/log.jsonl.gz')).toString();
  const model = join(dir, 'run', 'model', 'ra3');
  mkdirSync(model, { recursive: true });
  for (const name of ['config.json', 'model.safetensors']) copyFileSync(join('public/default/recall-lines', name), join(model, name));
  writeFileSync(join(dir, 'run', 'log.jsonl'), log);
  mkdirSync(join(dir, 'bare'));
  writeFileSync(join(dir, 'bare', 'log.jsonl'), log);
  const own = readdirSync(model).map((name): [string, Uint8Array] => [
    `model/ra3/${name}`,
    new Uint8Array(readFileSync(join(model, name))),
  ]);
  writeFileSync(join(dir, 'bundle.zip'), writeBundle({ 'recipe.json': '{}', 'log.jsonl': log, ...Object.fromEntries(own) }));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const refusal = (...argv: string[]): Promise<string> =>
  exportRun(argv).then(
    () => 'nothing',
    (e: Error) => `${e.name}: ${e.message}`,
  );

describe('export', () => {
  it('writes a folder from a run, and a zip of the same files from its bundle', async () => {
    const said: string[] = [];
    const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => said.push(String(text)) > 0);
    try {
      expect(await exportRun([join(dir, 'run'), '--out', join(dir, 'out')])).toBe(0);
      expect(await exportRun([join(dir, 'bundle.zip'), '--out', join(dir, 'out.zip'), '--arms', 'ra3'])).toBe(0);
    } finally {
      spy.mockRestore();
    }
    expect(said.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { arms: ['ra3'], files: 27, parity: expect.any(Number) },
      { arms: ['ra3'], files: 27 },
    ]);
    const zipped = unzipSync(new Uint8Array(readFileSync(join(dir, 'out.zip'))));
    const names = readdirSync(join(dir, 'out'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    expect(names).toHaveLength(Object.keys(zipped).length);
    for (const [name, bytes] of Object.entries(zipped)) expect(readFileSync(join(dir, 'out', name)).equals(bytes), name).toBe(true);
  });

  it.each<[string[], RegExp]>([
    [[], /Name a run/],
    [['/nowhere', '--out', 'x'], /\/nowhere does not exist/],
    [['RUN'], /--out is missing/],
    [['RUN', '--out', 'x', '--arms', 'oracle'], /--arms oracle is no arm of this run; there are ra3/],
    [['RUN', '--out', 'x', '--arms', '__proto__'], /is no arm of this run/],
    [['BARE', '--out', 'x'], /holds no models/],
    [['ZIP', '--out', 'x'], /damaged zip/],
  ])('refuses %j', async (argv, message) => {
    writeFileSync(join(dir, 'bad.zip'), 'PK no zip at all, and longer than the record at its end');
    const places = new Map([
      ['RUN', join(dir, 'run')],
      ['BARE', join(dir, 'bare')],
      ['ZIP', join(dir, 'bad.zip')],
    ]);
    expect(await refusal(...argv.map((each) => places.get(each) ?? each))).toMatch(message);
  });
});
