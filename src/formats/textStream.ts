// The text of tokens that arrive one after the other: given out as soon as no later token can change it, never half a character, and never beyond
// a stop string, wherever the borders of tokens lie. Joined, it is the text of all ids at once; only where bytes are no UTF-8 the number of U+FFFD
// may differ. Refuses stop strings that are empty.
import { FormatError } from './formatError.ts';
import type { Tokenizer } from './tokenizer.ts';

export interface StreamedText {
  /** What is new and final. */
  text: string;
  /** The stop string that was reached: it and all after it are not given out. */
  stopped: string | null;
  /** How many ids of this push were used: all of them, or up to the one that completed the stop string. */
  used: number;
}

export interface TextStreamOptions {
  stopStrings?: readonly string[];
  /** Ids that stand before, such as the prompt: the text then continues theirs, a leading space included. */
  after?: readonly number[];
}

/** Ids before the waiting ones that are decoded along with them, so that they read as they do inside the text; whole characters, so some more. */
const CONTEXT_IDS = 5;
/** Tokens that may wait for the rest of a character; a character has at most four bytes. */
const MAX_WAITING = 8;

export class TextStream {
  private readonly tokenizer: Pick<Tokenizer, 'decode'>;
  private readonly stopStrings: readonly string[];
  /** Each entry the ids of whole characters. */
  private context: number[][];
  private waiting: number[] = [];
  /** Characters of the waiting ids' text that are out already. */
  private settledLength = 0;
  /** Final text that may be the beginning of a stop string. */
  private held = '';
  private stopped: string | null = null;

  constructor(tokenizer: Pick<Tokenizer, 'decode'>, { stopStrings = [], after = [] }: TextStreamOptions = {}) {
    if (stopStrings.includes('')) throw new FormatError('A stop string is empty; every text would stop before its first character.');
    this.tokenizer = tokenizer;
    this.stopStrings = stopStrings;
    this.context = [this.wholeCharacters(after)];
  }

  push(ids: readonly number[]): StreamedText {
    let text = '';
    let used = 0;
    for (const id of ids) {
      if (this.stopped !== null) break;
      used++;
      text += this.settle(this.decodeNext(id));
    }
    return { text, stopped: this.stopped, used };
  }

  /** The rest, when no more ids come: what waited for more bytes or might have begun a stop string. */
  end(): string {
    if (this.stopped !== null) return '';
    const rest = this.settle(this.textOfWaiting().slice(this.settledLength));
    const text = this.stopped === null ? rest + this.held : rest;
    this.held = '';
    this.advance();
    return text;
  }

  /** New text that is final; '' while the last character is incomplete. */
  private decodeNext(id: number): string {
    this.waiting.push(id);
    const whole = this.textOfWaiting();
    const isComplete = !whole.endsWith('\ufffd') || this.waiting.length >= MAX_WAITING;
    const final = isComplete ? whole : whole.replace(/\ufffd+$/, '');
    const text = final.slice(this.settledLength);
    this.settledLength = Math.max(this.settledLength, final.length);
    if (isComplete) this.advance();
    return text;
  }

  private textOfWaiting(): string {
    const context = this.context.flat();
    const before = this.tokenizer.decode(context);
    const whole = this.tokenizer.decode([...context, ...this.waiting]);
    // bytes after the context may make its last ones no UTF-8
    return whole.startsWith(before) ? whole.slice(before.length) : this.tokenizer.decode(this.waiting);
  }

  private advance(): void {
    this.context.push(this.waiting);
    while (this.context.slice(1).reduce((sum, ids) => sum + ids.length, 0) >= CONTEXT_IDS) this.context.shift();
    this.waiting = [];
    this.settledLength = 0;
  }

  /** The last ids, from where they are no longer part of a character. */
  private wholeCharacters(ids: readonly number[]): number[] {
    let count = CONTEXT_IDS;
    while (count < ids.length && count < CONTEXT_IDS + MAX_WAITING && this.tokenizer.decode(ids.slice(-count)).includes('\ufffd')) count++;
    return ids.slice(-count);
  }

  /** Holds back what may begin a stop string; cuts at the one that is complete first. */
  private settle(text: string): string {
    this.held += text;
    let cut: { start: number; end: number; stop: string } | null = null;
    for (const stop of this.stopStrings) {
      const start = this.held.indexOf(stop);
      const end = start + stop.length;
      if (start >= 0 && (cut === null || end < cut.end || (end === cut.end && start < cut.start))) cut = { start, end, stop };
    }
    if (cut !== null) this.stopped = cut.stop;
    const out = this.held.slice(0, cut?.start ?? this.held.length - this.possibleStopLength());
    this.held = this.held.slice(out.length);
    return out;
  }

  private possibleStopLength(): number {
    let longest = 0;
    for (const stop of this.stopStrings) {
      for (let length = Math.min(stop.length - 1, this.held.length); length > longest; length--) {
        if (this.held.endsWith(stop.slice(0, length))) longest = length;
      }
    }
    return longest;
  }
}
