// Encoding a foreign tokenizer's texts where it can be ended, for work that wants its ids at once: the work is done once to hear which texts it asks for,
// they are encoded apart, and it is done again with their ids.
// Promises that no pattern of the tokenizer runs here on a text of the work. Rejects as the side apart does: FormatError for a text that takes too long.
import type { Tokenizer } from './tokenizer.ts';

/** Encodes elsewhere; TextWorker does. */
export interface EncodesApart {
  encode(texts: readonly string[], options: { addBos: boolean }): Promise<number[][]>;
  encodeContinuations(texts: readonly string[]): Promise<number[][]>;
}

const KINDS = ['bare', 'bos', 'continuation'] as const;
type Kind = (typeof KINDS)[number];

/** Ids of texts by how they are encoded. */
export class EncodedTexts {
  private readonly ids: Record<Kind, Map<string, readonly number[]>> = { bare: new Map(), bos: new Map(), continuation: new Map() };
  private readonly apart: EncodesApart;

  constructor(apart: EncodesApart) {
    this.apart = apart;
  }

  /** The result of `work`, which may encode any text with the tokenizer it is given, in this call; texts that it encodes later are encoded here. */
  async during<T>(tokenizer: Tokenizer, work: (tokenizer: Tokenizer) => T): Promise<T> {
    for (;;) {
      const missing: Record<Kind, Set<string>> = { bare: new Set(), bos: new Set(), continuation: new Set() };
      let isDone = false;
      const look = (kind: Kind, text: string, here: () => number[]): number[] => {
        const known = this.ids[kind].get(text);
        if (known) return [...known];
        if (isDone) return here();
        missing[kind].add(text);
        return [0];
      };
      const listening: Tokenizer = {
        ...tokenizer,
        encode: (text, options) => look(options.addBos ? 'bos' : 'bare', text, () => tokenizer.encode(text, options)),
        encodeContinuation: (text) => look('continuation', text, () => tokenizer.encodeContinuation(text)),
      };
      const isMissing = (): boolean => KINDS.some((kind) => missing[kind].size > 0);
      let result: T | undefined;
      try {
        result = work(listening);
      } catch (error) {
        // with ids that are none it may fail for no reason of its own
        if (!isMissing()) throw error;
      }
      isDone = true;
      if (!isMissing()) return result as T;
      for (const kind of KINDS) {
        const texts = [...missing[kind]];
        if (texts.length === 0) continue;
        const encoded =
          kind === 'continuation'
            ? await this.apart.encodeContinuations(texts)
            : await this.apart.encode(texts, { addBos: kind === 'bos' });
        texts.forEach((text, i) => {
          this.ids[kind].set(text, encoded[i]!);
        });
      }
    }
  }
}
