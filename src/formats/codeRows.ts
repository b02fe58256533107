// Which fields rows have, which of them hold the prompt and the expert solution, and how the first rows look.
// Refuses nothing: where no pair of fields fits, the mapping is null and the person chooses.

const PROMPTS = [
  'prompt',
  'text',
  'question',
  'instruction',
  'problem',
  'problem_description',
  'problem_statement',
  'description',
  'task',
  'query',
  'docstring',
  'input',
];
const SOLUTIONS = [
  'canonical_solution',
  'code',
  'solution',
  'reference_solution',
  'expert_solution',
  'completion',
  'answer',
  'response',
  'output',
  'target',
  'program',
];
const LOOKED_AT = 200;
const MAX_FIELDS = 200;
const MAX_FIELD_NAME = 200;
const PREVIEW_ROWS = 5;
const PREVIEW_CHARACTERS = 200;

type Row = Record<string, unknown>;

/** Names of the fields of the first rows, in order of appearance; names too long for a recipe are left out. */
export function listFields(rows: Row[]): string[] {
  const fields = new Set<string>();
  for (const row of rows.slice(0, LOOKED_AT)) {
    for (const key of Object.keys(row)) {
      if (fields.size < MAX_FIELDS && key.length <= MAX_FIELD_NAME) fields.add(key);
    }
  }
  return [...fields];
}

/** HumanEval (prompt + canonical_solution), MBPP (text + code), sanitized MBPP (prompt + code), else the commonest names for each. */
export function guessMapping(rows: Row[]): { prompt: string; solution: string } | null {
  const prompt = findTextField(rows, PROMPTS);
  const solution = findTextField(rows, SOLUTIONS);
  return prompt !== null && solution !== null ? { prompt, solution } : null;
}

/** The first rows with every field as text of at most 200 characters. */
export function previewRows(rows: Row[]): Record<string, string>[] {
  return rows.slice(0, PREVIEW_ROWS).map((row) => {
    const shown: Record<string, string> = Object.create(null);
    for (const key of Object.keys(row).slice(0, MAX_FIELDS)) {
      const value = row[key];
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      if (key.length <= MAX_FIELD_NAME) shown[key] = text.length > PREVIEW_CHARACTERS ? `${text.slice(0, PREVIEW_CHARACTERS - 1)}…` : text;
    }
    return shown;
  });
}

/** The first candidate that is text in nine of ten of the rows looked at, whatever its case. */
function findTextField(rows: Row[], candidates: string[]): string | null {
  const looked = rows.slice(0, LOOKED_AT);
  const byLowerCase = new Map(listFields(rows).map((field) => [field.toLowerCase(), field]));
  for (const candidate of candidates) {
    const field = byLowerCase.get(candidate);
    if (field !== undefined && looked.filter((row) => typeof row[field] === 'string').length >= looked.length * 0.9) return field;
  }
  return null;
}
