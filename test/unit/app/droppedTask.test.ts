// From a drop to a recipe: fields guessed, what is missing said, the recipe valid whatever the sizes.
import { describe, expect, it } from 'vitest';
import { guessMapping, mappingKinds, missingForRecipe, type Recognised, recipeForDrop } from '../../../src/app/droppedTask.ts';
import { parseRecipe } from '../../../src/run/recipe.ts';
import { LINK_BASE_V1 } from '../../../src/share/linkBase.ts';

const model = {
  name: 'm',
  family: 'llama',
  parameters: 260_032,
  dtype: 'F32',
  context: 512,
  layers: 5,
  vocabulary: 512,
  hasTokenizer: true,
};
const rows = {
  name: 'HumanEval.jsonl',
  kind: 'rows' as const,
  rows: 164,
  badRows: 0,
  badLines: [],
  fields: ['task_id', 'prompt', 'canonical_solution'],
  preview: [],
  problems: null,
};
const code: Recognised = {
  model,
  dataset: { ...rows, mapping: { prompt: 'prompt', solution: 'canonical_solution' } },
  recipe: null,
  run: null,
  problems: [],
};
const text: Recognised = { ...code, dataset: { ...rows, fields: ['id', 'text'], mapping: null } };

describe('a drop', () => {
  it('of rows with tests is judged by them: RLVR on, split as the suite is', () => {
    const mbpp = { shape: 'mbpp' as const, name: 'MBPP', rows: 974, tests: 2922, mapping: null };
    const judged: Recognised = { ...code, dataset: { ...code.dataset!, problems: mbpp } };
    const recipe = parseRecipe(recipeForDrop(judged, guessMapping(judged)!, LINK_BASE_V1));
    expect(recipe.task).toMatchObject({ suite: 'mbpp', verify: true, split: 'dataset' });
    expect(recipe.rlvr.steps).toBeGreaterThan(0);
    expect(recipe.evaluate.samples).toBeGreaterThan(1);
    // the same rows as prompts and solutions alone are not
    expect(parseRecipe(recipeForDrop(judged, { ...guessMapping(judged)!, kind: 'code' }, LINK_BASE_V1)).task).toMatchObject({
      suite: 'fields',
      verify: false,
    });
    // rows read as text have no programs to judge
    const asText = parseRecipe(recipeForDrop(judged, { ...guessMapping(judged)!, kind: 'text' }, LINK_BASE_V1));
    expect(asText.rlvr.steps).toBe(0);
  });
  it('of rows whose tests stand in a field of their own names that field', () => {
    const mapping = { prompt: 'q', tests: 'asserts', solution: null, setup: null, entryPoint: 'name' };
    const judged: Recognised = {
      ...code,
      dataset: { ...code.dataset!, problems: { shape: 'mapped', name: '', rows: 9, tests: 9, mapping } },
    };
    expect(parseRecipe(recipeForDrop(judged, guessMapping(judged)!, LINK_BASE_V1)).task).toMatchObject({
      suite: 'mapped',
      promptField: 'q',
      solutionField: '',
      testsField: 'asserts',
      setupField: '',
      entryPointField: 'name',
      split: 'rows',
    });
  });
  it('with fitting fields becomes a code recipe, with the arms that a code task has', () => {
    const recipe = parseRecipe(recipeForDrop(code, guessMapping(code)!, LINK_BASE_V1));
    expect(recipe).toMatchObject({ model: 'dropped', task: { kind: 'code', promptField: 'prompt', solutionField: 'canonical_solution' } });
    expect(recipe.arms).toContain('ra3');
  });

  it('with other fields becomes a text recipe for next-token prediction alone', () => {
    const recipe = parseRecipe(recipeForDrop(text, guessMapping(text)!, LINK_BASE_V1));
    expect(recipe.task).toMatchObject({ kind: 'text', field: 'text' });
    expect(recipe.arms).toEqual(['base', 'ntp']);
  });

  it('gives a valid recipe for long names, no rows and a short context', () => {
    const odd: Recognised = { ...code, model: { ...model, name: 'x'.repeat(500), context: 16 }, dataset: { ...code.dataset!, rows: 0 } };
    expect(parseRecipe(recipeForDrop(odd, guessMapping(odd)!, LINK_BASE_V1)).task).toMatchObject({ maxTokens: 16, maxRows: 1 });
  });

  it('trains small models faster than large ones, and estimates the E-step at a tenth of the rate', () => {
    const rates = [1e6, 20e6, 500e6].map((parameters) => {
      const recipe = recipeForDrop({ ...code, model: { ...model, parameters } }, guessMapping(code)!, LINK_BASE_V1);
      expect(recipe.ntp).toEqual(recipe.ra3.m);
      expect(recipe.ra3.lr).toBeCloseTo(recipe.ntp.lr / 10, 12);
      return recipe.ntp.lr;
    });
    expect(rates).toEqual([1e-3, 3e-4, 2e-5]);
  });

  it('keeps programs short, except where most rows are long', () => {
    const wide = { ...model, context: 4096 };
    const rowsOf = (solution: string) => ({ ...code.dataset!, preview: [{ prompt: 'p', canonical_solution: solution }] });
    const tokens = (solution: string) => {
      const drop = { ...code, model: wide, dataset: rowsOf(solution) };
      return recipeForDrop(drop, guessMapping(drop)!, LINK_BASE_V1).task;
    };
    expect(tokens('return 1')).toMatchObject({ maxTokens: 256 });
    expect(tokens('x'.repeat(200))).toMatchObject({ maxTokens: 512 });
  });

  it('of a text file is read from its one field', () => {
    const file: Recognised = { ...text, dataset: { ...text.dataset!, kind: 'text', fields: [], rows: 0 } };
    expect(mappingKinds(file.dataset!)).toEqual(['text']);
    expect(parseRecipe(recipeForDrop(file, guessMapping(file)!, LINK_BASE_V1)).task).toMatchObject({ kind: 'text', field: 'text' });
  });

  it('may be corrected to problems whose fields are named, where the guess found none', () => {
    const asked: Recognised = { ...code, dataset: { ...code.dataset!, fields: ['q', 'a', 'unit_test'], mapping: null } };
    const guessed = guessMapping(asked)!;
    expect(guessed).toMatchObject({ kind: 'text', tests: 'unit_test' });
    expect(mappingKinds(asked.dataset!)).toEqual(['mapped', 'code', 'text']);
    const recipe = parseRecipe(recipeForDrop(asked, { ...guessed, kind: 'mapped', prompt: 'q', solution: '' }, LINK_BASE_V1));
    expect(recipe.task).toMatchObject({ suite: 'mapped', promptField: 'q', solutionField: '', testsField: 'unit_test', verify: true });
    expect(missingForRecipe(asked, { ...guessed, kind: 'mapped', tests: '' })).toMatch(/field of its tests/);
  });

  it('says what is missing', () => {
    expect(missingForRecipe({ ...code, model: null })).toMatch(/model folder/);
    expect(missingForRecipe({ ...code, dataset: null })).toMatch(/dataset/);
    expect(missingForRecipe({ ...code, model: { ...model, hasTokenizer: false } })).toMatch(/tokenizer\.json/);
    expect(missingForRecipe(code)).toBeNull();
  });
});
