// The worker for the theory instruments: answers one request after the other. Whoever no longer wants an answer ends the worker (theoryClient.ts).
import { compute } from '../midtrain/theory/instruments.ts';
import { tellFailures } from './failures.ts';
import { tellRefusals } from './refusals.ts';
import type { TheoryAnswer, TheoryRequest } from './theoryClient.ts';

tellRefusals(self.name);
tellFailures(self.name);

self.onmessage = ({ data: { id, instrument, settings } }: MessageEvent<TheoryRequest>) => {
  const answer = (rest: Pick<TheoryAnswer, 'result' | 'error'>): void => self.postMessage({ id, ...rest } satisfies TheoryAnswer);
  try {
    answer({ result: compute(instrument, settings), error: null });
  } catch (e) {
    answer({ result: null, error: e instanceof Error ? e.message : String(e) });
  }
};
