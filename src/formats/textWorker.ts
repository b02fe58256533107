// Asks a thread or worker for work on texts and ends it when it does not answer in time: a call then rejects with FormatError, the next one starts a
// new worker. Calls wait for each other; the time of one begins when it is sent and the worker runs. Every call settles.
// Refuses calls after close().
import { FormatError, quote } from './formatError.ts';
import { type ChatMessage, type ChatOptions, WITHOUT } from './chatTemplate.ts';
import type { TextAnswer, TextCall, TextCalls, TextRequest, TokenizerFiles } from './textWork.ts';

/** A started thread or worker. */
export interface TextPort {
  send(request: TextRequest): void;
  end(): void;
}

export interface TextPortListener {
  /** Its script runs: the time of a call that was sent begins. */
  ready(): void;
  answered(answer: TextAnswer): void;
  /** It ended by itself, for lack of memory, say. */
  died(reason: string): void;
}

export interface TextDeadlines {
  /** Of one call. */
  callMs: number;
  /** Of loading a tokenizer, which for large vocabularies takes seconds. */
  loadMs: number;
}

const DEADLINES: TextDeadlines = { callMs: 2_000, loadMs: 20_000 };
const START_MS = 20_000;
/** Characters of several texts that are sent in one call; a longer text is a call of its own. */
const CHARACTERS_PER_CALL = 20_000;

export class TextWorker {
  private readonly start: (listener: TextPortListener) => TextPort;
  private readonly deadlines: TextDeadlines;
  private readonly files: TokenizerFiles | null;
  private port: TextPort | null = null;
  private hasTokenizer = false;
  private isReady = false;
  private stopStartTimer = (): void => undefined;
  private pending: { id: number; begin: () => void; settle: (answer: TextAnswer) => void; fail: (reason: string) => void } | null = null;
  private queue: Promise<unknown> = Promise.resolve();
  private lastId = 0;
  private isClosed = false;

  /** @param files the tokenizer that encodes and decodes; null where only chats are rendered. */
  constructor(start: (listener: TextPortListener) => TextPort, files: TokenizerFiles | null, deadlines: Partial<TextDeadlines> = {}) {
    this.start = start;
    this.files = files;
    this.deadlines = { ...DEADLINES, ...deadlines };
  }

  /** Highest id + 1 and the id that is put before texts; loads the tokenizer. */
  describe(): Promise<TextCalls['load']['gives']> {
    return this.inTurn(() => this.load());
  }

  /** Ids of every text, in order. */
  encode(texts: readonly string[], options: { addBos: boolean }): Promise<number[][]> {
    return inParts(texts, (part) => this.withTokenizer('encode', { texts: part, addBos: options.addBos }));
  }

  /** Ids of every text as it continues a document, in order. */
  encodeContinuations(texts: readonly string[]): Promise<number[][]> {
    return inParts(texts, (part) => this.withTokenizer('encodeContinuations', { texts: part }));
  }

  decode(ids: readonly number[]): Promise<string> {
    return this.withTokenizer('decode', { ids });
  }

  renderChat(template: string, messages: readonly ChatMessage[], options: ChatOptions): Promise<string> {
    return this.inTurn(() => this.ask('renderChat', { template, messages, options }, this.deadlines.callMs));
  }

  close(): void {
    this.isClosed = true;
    this.drop('The worker for texts was closed.');
  }

  private withTokenizer<C extends TextCall>(call: C, takes: TextCalls[C]['takes']): Promise<TextCalls[C]['gives']> {
    return this.inTurn(async () => {
      if (!this.hasTokenizer) await this.load();
      return this.ask(call, takes, this.deadlines.callMs);
    });
  }

  private async load(): Promise<TextCalls['load']['gives']> {
    if (!this.files) throw new FormatError('The model has no tokenizer. Drop its tokenizer.json too.');
    const described = await this.ask('load', this.files, this.deadlines.loadMs);
    this.hasTokenizer = true;
    return described;
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.queue.then(work);
    this.queue = turn.catch(() => undefined);
    return turn;
  }

  private ask<C extends TextCall>(call: C, takes: TextCalls[C]['takes'], deadlineMs: number): Promise<TextCalls[C]['gives']> {
    return new Promise((resolve, reject) => {
      if (this.isClosed) {
        reject(new Error('The worker for texts was closed.'));
        return;
      }
      const id = ++this.lastId;
      let timer: ReturnType<typeof setTimeout> | undefined;
      const done = () => {
        clearTimeout(timer);
        this.pending = null;
      };
      this.pending = {
        id,
        begin: () => {
          timer = setTimeout(() => this.drop(tooSlow(call, deadlineMs)), deadlineMs);
        },
        settle: (answer) => {
          done();
          if ('value' in answer) resolve(answer.value as TextCalls[C]['gives']);
          else reject(answer.isFormat ? new FormatError(answer.error) : new Error(answer.error));
        },
        fail: (reason) => {
          done();
          reject(new FormatError(reason));
        },
      };
      try {
        this.port ??= this.open();
        if (this.isReady) this.pending.begin();
        this.port.send({ id, call, takes } as TextRequest);
      } catch (error) {
        this.drop(`The worker for texts cannot be asked: ${error instanceof Error ? error.message : String(error)}`);
      }
    });
  }

  private open(): TextPort {
    const startTimer = setTimeout(() => {
      this.drop(`The worker for texts did not start within ${START_MS / 1000} s. Close other work on this machine and try again.`);
    }, START_MS);
    this.stopStartTimer = () => clearTimeout(startTimer);
    const port = this.start({
      ready: () => {
        if (this.port !== port) return;
        this.stopStartTimer();
        this.isReady = true;
        this.pending?.begin();
      },
      answered: (answer) => {
        if (answer.id === this.pending?.id) this.pending.settle(answer);
      },
      died: (reason) => {
        if (this.port === port)
          this.drop(`The worker for texts ended: ${quote(reason, 160)}. The tokenizer or the chat template asked for too much.`);
      },
    });
    return port;
  }

  /** Ends the worker; the next call starts another. */
  private drop(reason: string): void {
    this.stopStartTimer();
    this.port?.end();
    this.port = null;
    this.isReady = false;
    this.hasTokenizer = false;
    this.pending?.fail(reason);
  }
}

function tooSlow(call: TextCall, deadlineMs: number): string {
  const what = call === 'renderChat' ? 'The chat template' : 'The tokenizer';
  return `${what} took longer than ${deadlineMs / 1000} s and was stopped. ${
    call === 'renderChat' ? WITHOUT : 'A pattern of its tokenizer.json may never end for this text: shorten it or take another tokenizer.'
  }`;
}

async function inParts(texts: readonly string[], encode: (part: string[]) => Promise<number[][]>): Promise<number[][]> {
  const ids: number[][] = [];
  for (let first = 0; first < texts.length; ) {
    let end = first + 1;
    let characters = texts[first]?.length ?? 0;
    while (end < texts.length && characters + (texts[end] as string).length <= CHARACTERS_PER_CALL)
      characters += (texts[end++] as string).length;
    for (const one of await encode(texts.slice(first, end))) ids.push(one);
    first = end;
  }
  return ids;
}
