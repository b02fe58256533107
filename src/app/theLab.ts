// The one lab of this page, on a real worker, and its verbs.
import { connectLab } from '../worker/client.ts';
import { createActions } from './actions.ts';
import { createDropPreview } from './dropPreview.ts';
import { createInspector } from './inspection.ts';
import { createLab } from './lab.ts';

export const lab = createLab(connectLab);
export const actions = createActions(lab);
export const dropPreview = createDropPreview(lab);
export const inspector = createInspector(lab);
