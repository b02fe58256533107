// Starts the worker for the theory instruments, once its script comes under the page's policy. Refuses nothing: what is not wanted any more is
// ended with the worker.
import type { InstrumentName, Settings, TheoryResult } from '../midtrain/theory/contract.ts';
import workerUrl from './theory.worker.ts?worker&url';
import { hearFailures } from './failures.ts';
import { hearRefusals } from './refusals.ts';
import { underPagePolicy } from './site.ts';
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
  const name = `ra3-lab theory ${crypto.randomUUID()}`;
  hearRefusals(name);
  hearFailures(name);
  const started = underPagePolicy().then(() => {
    const worker = new Worker(trustedUrl(workerUrl), { type: 'module', name });
    worker.onmessage = ({ data }: MessageEvent<TheoryAnswer>) => listener.answered(data);
    worker.onerror = (event) => listener.died(event.message || 'its script could not be loaded');
    worker.onmessageerror = () => listener.died('a message could not be read');
    return worker;
  });
  const failed = (error: unknown): void => listener.died(error instanceof Error ? error.message : String(error));
  return {
    send: (request) => void started.then((worker) => worker.postMessage(request)).catch(failed),
    end: () => void started.then((worker) => worker.terminate()).catch(() => undefined),
  };
}
