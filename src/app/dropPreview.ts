// The first rows of the dropped dataset as they will be used, kept in step with the mapping. The worker makes them; an answer that a later change of the
// mapping has overtaken is thrown away. Refuses nothing: why there is no preview is said in its place.
import { createStore, type StoreApi } from 'zustand/vanilla';
import type { DatasetPreview } from '../formats/recognised.ts';
import { taskOfMapping } from './droppedTask.ts';
import type { Lab } from './lab.ts';

export interface DropPreview {
  preview: DatasetPreview | null;
  error: string | null;
}

const NONE: DropPreview = { preview: null, error: null };
/** The preview is of text: how many tokens a row may have does not show in it. */
const ANY_TOKENS = 8192;

export function createDropPreview(lab: Lab): StoreApi<DropPreview> {
  const store = createStore<DropPreview>(() => NONE);
  let asked = 0;
  const ask = async (): Promise<void> => {
    const mine = ++asked;
    const { recognised, mapping } = lab.store.getState();
    if (!recognised?.dataset || !mapping) return store.setState(NONE);
    try {
      const preview = await lab.worker().preview(taskOfMapping(recognised.dataset, mapping, ANY_TOKENS));
      if (mine === asked) store.setState({ preview, error: null });
    } catch (error) {
      if (mine === asked) store.setState({ preview: null, error: (error as Error).message });
    }
  };
  lab.store.subscribe((now, before) => {
    if (now.recognised?.dataset !== before.recognised?.dataset || now.mapping !== before.mapping) void ask();
  });
  return store;
}
