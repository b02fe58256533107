// What dropped files turned out to be, said before anything runs. All text is untrusted: show it as text.

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
    kind: 'jsonl' | 'text';
    rows: number;
    badRows: number;
    fields: string[];
    /** Guessed mapping for code rows; null where nothing fits. */
    mapping: { prompt: string; solution: string } | null;
    /** First rows, each field cut to 200 characters. */
    preview: Record<string, string>[];
  };
  /** Every file that was not understood or refused, with the reason and what to do. */
  problems: { file: string; message: string }[];
}
