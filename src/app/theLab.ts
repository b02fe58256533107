// The one lab of this page, on a real worker, and its verbs; the page's own verbs with them.
import { connectLab } from '../worker/client.ts';
import { createActions } from './actions.ts';
import { createCommands } from './commands.ts';
import { keepCompared } from './comparison.ts';
import { createDropPreview } from './dropPreview.ts';
import { createEstimator } from './estimate.ts';
import { createInspector } from './inspection.ts';
import { createLab } from './lab.ts';
import { view } from './theView.ts';
import { createReproducer } from './reproduction.ts';
import { createStorageView } from './storage.ts';
import { createTrial } from './trial.ts';
import { stayAwakeWhileRunning } from './wakeLock.ts';

export const lab = createLab(connectLab);
export const actions = createActions(lab, view);
export const dropPreview = createDropPreview(lab);
export const inspector = createInspector(lab);
keepCompared(lab, view);
export const storageView = createStorageView(lab);
stayAwakeWhileRunning(lab);
export const commands = createCommands(actions, lab, view);
export const reproducer = createReproducer(lab);
export const estimator = createEstimator(lab);
export const trial = createTrial(lab);
