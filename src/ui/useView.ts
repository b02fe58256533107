// The binding between the page's view and React; nothing else.
import { useStore } from 'zustand';
import { view } from '../app/theView.ts';
import type { View } from '../app/viewState.ts';

export function useView<T>(select: (state: View) => T): T {
  return useStore(view.store, select);
}
