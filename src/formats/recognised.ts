// What dropped files turned out to be, said before anything runs. All text is untrusted: show it as text.

/** The published shapes of Python problems; "mapped" is any other file with asserts in a field. */
export type SuiteShape =
  | 'humaneval'
  | 'humaneval-plus'
  | 'mbpp'
  | 'mbpp-sanitized'
  | 'mbpp-plus'
  | 'livecodebench'
  | 'codeforces'
  | 'apps'
  | 'taco'
  | 'acecode'
  | 'mapped';

/** Which fields of a row hold what, for files of no published shape. */
export interface ProblemMapping {
  prompt: string;
  solution: string | null;
  /** A list of assert statements, or one text of them. */
  tests: string;
  /** Python that runs before the tests. */
  setup: string | null;
  /** The function's name; without it, the first name that a test calls. */
  entryPoint: string | null;
}

export interface RecognisedProblems {
  shape: SuiteShape;
  /** As people call it: "HumanEval+". */
  name: string;
  /** Rows that have tests, and how many tests they have together; private tests that are packed count by rows alone. */
  rows: number;
  tests: number;
  /** For the shape "mapped". */
  mapping: ProblemMapping | null;
}

export interface AskedRows {
  file: string;
  goodRows: number;
  badRows: number;
  /** The first of them, with what is wrong. */
  badLines: { line: number; message: string }[];
  /** The same for where nobody can be asked. */
  message: string;
}

export interface RecognisedFiles {
  model: null | {
    name: string;
    family: string;
    parameters: number;
    dtype: string;
    context: number;
    layers: number;
    vocabulary: number;
    hasTokenizer: boolean;
  };
  dataset: null | {
    name: string;
    kind: 'rows' | 'text';
    rows: number;
    badRows: number;
    /** The first of them, with what is wrong. */
    badLines: { line: number; message: string }[];
    fields: string[];
    /** Guessed mapping for code rows; null where nothing fits. */
    mapping: { prompt: string; solution: string } | null;
    /** Rows that are Python problems with tests; null where they are none. */
    problems: RecognisedProblems | null;
    /** First rows, each field cut to 200 characters. */
    preview: Record<string, string>[];
  };
  /** A dataset of which many rows cannot be read: not taken until someone says that the good ones will do. */
  asks?: AskedRows;
  /** Every file that was not understood or refused, with the reason and what to do. */
  problems: { file: string; message: string }[];
}

/** A row as a task would use it. */
export interface PreviewRow {
  /** From 1. */
  row: number;
  prompt: string;
  /** Of the expert solution, without the comments that have lines of their own. */
  lines: string[];
  moreLines: number;
  comments: number;
  tests: string[];
  moreTests: number;
  /** Why it is left out. */
  problem: string | null;
}

export interface DatasetPreview {
  rows: PreviewRow[];
  /** How many of all rows are empty; null where only reading them as problems would tell. */
  unusable: number | null;
}
