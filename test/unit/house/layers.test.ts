// The folder tree is the architecture: imports go one way, each platform interface has one owner, files are named for what they hold.
// What is allowed is data, below; a change of the architecture is a change of this data.
import { describe, expect, it } from 'vitest';
import { type Import, readImports, readSources, type Source } from './sources.ts';

/** What each layer may import from, besides itself and the contracts. */
const LAYERS: Record<string, string[]> = {
  gpu: [],
  formats: [],
  tasks: ['formats'],
  // Verifiers compare with values as the files gave them.
  verify: ['tasks', 'formats'],
  engine: ['gpu'],
  model: ['engine', 'gpu', 'formats'],
  midtrain: ['model', 'engine', 'gpu', 'tasks', 'verify'],
  // RLVR and evaluation sample with the rollouts, and take the supervised steps, that mid-training is made of.
  rlvr: ['midtrain', 'model', 'engine', 'gpu', 'tasks', 'verify'],
  // Results repeat samples and inputs as the files gave them.
  evaluate: ['midtrain', 'model', 'engine', 'gpu', 'tasks', 'verify', 'formats'],
  store: ['formats'],
  run: ['midtrain', 'rlvr', 'evaluate', 'model', 'engine', 'gpu', 'store', 'tasks', 'verify', 'formats'],
  share: ['formats'],
  worker: ['run', 'share', 'midtrain', 'rlvr', 'evaluate', 'model', 'engine', 'gpu', 'store', 'tasks', 'verify', 'formats'],
  headless: ['run', 'share', 'midtrain', 'rlvr', 'evaluate', 'model', 'engine', 'gpu', 'store', 'tasks', 'verify', 'formats'],
  app: ['share', 'tasks'],
  ui: ['app'],
};

/** Plain data that every layer speaks; anyone may import these. They import nothing but each other. */
const CONTRACTS = [
  'src/run/events.ts',
  'src/run/recipe.ts',
  'src/run/presets.ts',
  'src/tasks/task.ts',
  'src/formats/recognised.ts',
  'src/formats/inspected.ts',
  'src/store/storedRun.ts',
  'src/worker/protocol.ts',
  'src/midtrain/durations.ts',
  'src/midtrain/theory/contract.ts',
  'src/midtrain/theory/formulas.ts',
];

/** Single files that may be imported from outside the rules above: file -> layers. */
const DOORS: Record<string, string[]> = {
  'src/worker/client.ts': ['app', 'headless'],
  'src/worker/liveness.ts': ['app'],
  'src/worker/theoryClient.ts': ['app'],
  'src/evaluate/tInterval.ts': ['midtrain', 'app'],
  'src/store/persistence.ts': ['app'],
  'src/worker/site.ts': ['app'],
  'src/worker/failures.ts': ['app'],
  'src/worker/refusals.ts': ['app'],
};

/** Plain-Node scripts that the sources may use: file -> layers. */
const SCRIPTS: Record<string, string[]> = {
  'scripts/unpack.mjs': ['headless'],
  'scripts/browser.mjs': ['headless'],
  'scripts/serve.mjs': ['headless'],
  'scripts/paths.mjs': ['headless'],
  // The service worker sends the policy where the host cannot.
  'scripts/policy.mjs': ['worker'],
};

/** Words of the code, outside comments and strings, that belong to one layer. */
const OWNED_WORDS: { word: RegExp; owner: string }[] = [
  { word: /\bGPUDevice\b/, owner: 'gpu' },
  { word: /\bnavigator\s*\.\s*storage\b/, owner: 'store' },
];

/** Packages that belong to certain layers. */
const OWNED_PACKAGES: Record<string, string[]> = {
  comlink: ['worker'],
  react: ['ui'],
  'react-dom': ['ui'],
  uplot: ['ui'],
  zustand: ['app', 'ui'],
  webgpu: ['headless'],
  'playwright-core': ['headless'],
};

/** Layers that run in Node, in a worker and in a page alike: no document, no window, no GPU. */
const PURE_LAYERS = ['formats', 'share', 'tasks'];
const PLATFORM_WORDS =
  /\bdocument\s*\.\s*[a-z]|\bwindow\s*\.\s*(location|document|addEventListener)|\b(localStorage|navigator|HTML\w*Element|GPU[A-Z]\w+)\b/;

const EMPTY_NAMES = /^(utils?|helpers?|manager|common|misc)$|(Utils?|Helpers?|Manager|Common|Misc)$/;

const sources = readSources('src');

describe('the layers', () => {
  it('are the folders of src', () => {
    const folders = new Set(sources.map((source) => layerOf(source.path)));
    expect([...folders].filter((layer) => !(layer in LAYERS))).toEqual([]);
  });

  it('are in an order: none reaches itself', () => {
    const reach = (layer: string, seen: string[]): string[] =>
      seen.includes(layer) ? [...seen, layer] : (LAYERS[layer] ?? []).flatMap((next) => reach(next, [...seen, layer]));
    expect(Object.keys(LAYERS).flatMap((layer) => reach(layer, []))).toEqual([]);
  });

  it('import one way', () => {
    const faults = sources.flatMap((source) =>
      source.imports.filter((i) => !mayImport(source.path, i)).map((i) => `${source.path} imports ${i.target}`),
    );
    expect(faults).toEqual([]);
  });

  it('import files that exist, with their endings', () => {
    const known = new Set(sources.map((source) => source.path));
    const faults = sources.flatMap((source) =>
      source.imports
        .filter((i) => !i.isPackage && /^src\//.test(i.target) && !/\.(css|py)$/.test(i.target) && !known.has(i.target))
        .map((i) => `${source.path} imports ${i.target}`),
    );
    expect(faults).toEqual([]);
  });

  it('have no import cycles', () => {
    expect(findCycles(sources)).toEqual([]);
  });

  it.each(OWNED_WORDS)('only $owner names $word', ({ word, owner }) => {
    expect(sources.filter((source) => layerOf(source.path) !== owner && word.test(source.code)).map((source) => source.path)).toEqual([]);
  });

  it.each(PURE_LAYERS)('%s touches neither DOM nor GPU', (layer) => {
    expect(
      sources.filter((source) => layerOf(source.path) === layer && PLATFORM_WORDS.test(source.code)).map((source) => source.path),
    ).toEqual([]);
  });
});

describe('files', () => {
  it('are named for what they hold', () => {
    const names = sources.map((source) => source.path.split('/').map((part) => part.replace(/\..*$/, '')));
    expect(names.filter((parts) => parts.some((part) => EMPTY_NAMES.test(part))).map((parts) => parts.join('/'))).toEqual([]);
  });

  it('are camelCase.ts or PascalCase.tsx', () => {
    const faults = sources
      .map((source) => source.path.split('/').at(-1)!)
      .filter((name) => !/^[a-z][A-Za-z0-9]*(\.[a-z]+)?\.tsx?$|^[A-Z][A-Za-z0-9]*\.tsx$/.test(name));
    expect(faults).toEqual([]);
  });

  it('begin with a comment that says what they promise', () => {
    expect(sources.filter((source) => !/^(#!.*\n)?\/[/*]/.test(source.text)).map((source) => source.path)).toEqual([]);
  });
});

describe('reading imports', () => {
  it('finds every form and tells types from values', () => {
    const text = [
      "import a, { b } from './a.ts';",
      "import type { C } from '../c/c.ts';",
      "import { type D, type E } from '../d.ts';",
      "export * from './e.ts';",
      "import './style.css';",
      "import url from './w.worker.ts?worker&url';",
      "const f = await import('./f.ts');",
      "new Worker(new URL('./g.worker.ts', import.meta.url));",
      "// import './commented.ts';",
      "import react from 'react';",
    ].join('\n');
    const found = readImports('src/x/x.ts', text).map((i) => `${i.target}${i.typeOnly ? ' (type)' : ''}`);
    expect(found).toEqual([
      'src/x/a.ts',
      'src/c/c.ts (type)',
      'src/d.ts (type)',
      'src/x/e.ts',
      'src/x/style.css',
      'src/x/w.worker.ts',
      'react',
      'src/x/f.ts',
      'src/x/g.worker.ts',
    ]);
  });

  it('finds a cycle', () => {
    const file = (path: string, target: string): Source => ({
      path,
      text: '',
      code: '',
      imports: [{ target, isPackage: false, typeOnly: false }],
    });
    expect(findCycles([file('a', 'b'), file('b', 'c'), file('c', 'b')])).toEqual(['b -> c -> b']);
  });
});

function layerOf(path: string): string {
  return path.split('/')[1]!;
}

function mayImport(from: string, { target, isPackage }: Import): boolean {
  const layer = layerOf(from);
  if (isPackage) {
    const name = target
      .split('/')
      .slice(0, target.startsWith('@') ? 2 : 1)
      .join('/');
    if (name.startsWith('node:')) return layer === 'headless';
    return OWNED_PACKAGES[name]?.includes(layer) ?? true;
  }
  if (CONTRACTS.includes(from)) return CONTRACTS.includes(target);
  if (target.startsWith('scripts/')) return SCRIPTS[target]?.includes(layer) ?? false;
  if (!target.startsWith('src/')) return false;
  const targetLayer = layerOf(target);
  if (targetLayer === layer || CONTRACTS.includes(target)) return true;
  return (DOORS[target]?.includes(layer) ?? false) || (LAYERS[layer]?.includes(targetLayer) ?? false);
}

/** Cycles of value imports, each once, as "a -> b -> a"; imports of types vanish and cannot tangle anything. */
function findCycles(files: Source[]): string[] {
  const next = new Map(
    files.map((f) => [f.path, f.imports.filter((i) => !i.isPackage && !i.typeOnly && i.target !== f.path).map((i) => i.target)]),
  );
  const state = new Map<string, 'open' | 'done'>();
  const cycles: string[] = [];
  const visit = (path: string, trail: string[]): void => {
    if (state.get(path) === 'done') return;
    if (state.get(path) === 'open') {
      cycles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
      return;
    }
    state.set(path, 'open');
    for (const target of next.get(path) ?? []) visit(target, [...trail, path]);
    state.set(path, 'done');
  };
  for (const path of next.keys()) visit(path, []);
  return cycles;
}
