// The step profile of this page's one lab.
import { createStepProfiling } from './stepProfile.ts';
import { lab } from './theLab.ts';

export const stepProfile = createStepProfiling(lab);
