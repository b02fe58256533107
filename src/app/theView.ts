// The one view of this page, kept in its address.
import { createView, pageAddress } from './view.ts';

export const view = createView(pageAddress);
