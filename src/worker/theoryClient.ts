// Starts the worker for the theory instruments. Refuses nothing: what is not wanted any more is ended with the worker.
import type { InstrumentName, Settings, TheoryResult } from '../midtrain/theory/contract.ts';
import workerUrl from './theory.worker.ts?worker&url';
import { trustedUrl } from './trustedUrl.ts';

export interface TheoryRequest {
  id: number;
  instrument: InstrumentName;
  settings: Settings<InstrumentName>;
}

/** A result or what went wrong. */
export interface TheoryAnswer {
  id: number;
  result: TheoryResult | null;
  error: string | null;
}

export interface TheoryListener {
  answered(answer: TheoryAnswer): void;
  died(reason: string): void;
}

export interface TheoryWorker {
  send(request: TheoryRequest): void;
  end(): void;
}

export function startTheoryWorker(listener: TheoryListener): TheoryWorker {
  const worker = new Worker(trustedUrl(workerUrl), { type: 'module', name: 'ra3-lab theory' });
  worker.onmessage = ({ data }: MessageEvent<TheoryAnswer>) => listener.answered(data);
  worker.onerror = (event) => listener.died(event.message || 'its script could not be loaded');
  worker.onmessageerror = () => listener.died('a message could not be read');
  return { send: (request) => worker.postMessage(request), end: () => worker.terminate() };
}
