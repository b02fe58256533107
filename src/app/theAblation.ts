// The ablation of this page's one lab.
import { createAblation } from './ablation.ts';
import { lab } from './theLab.ts';

export const ablation = createAblation(lab);
