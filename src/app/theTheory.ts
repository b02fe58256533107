// The theory instruments of this page, on a real worker.
import { startTheoryWorker } from '../worker/theoryClient.ts';
import { createTheory } from './theory.ts';

export const theory = createTheory(startTheoryWorker);
