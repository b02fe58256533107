// The panels and dialogs that come after the first picture: a file of their own when the page is built, so that no picture waits for their code.
// Refuses nothing.
export { ComparePanel } from './ComparePanel.tsx';
export { ExportDialog } from './ExportDialog.tsx';
export { FoundPanel } from './FoundPanel.tsx';
export { InspectorPanel } from './InspectorPanel.tsx';
export { KeysDialog } from './KeysDialog.tsx';
export { PanelsDialog } from './PanelsDialog.tsx';
export { RanPanel } from './RanPanel.tsx';
export { RecipePanel } from './RecipePanel.tsx';
export { RolloutsPanel } from './RolloutsPanel.tsx';
export { RunsPanel } from './RunsPanel.tsx';
export { StoragePanel } from './StoragePanel.tsx';
export { TheoryPanel } from './TheoryPanel.tsx';
export { Tour } from './Tour.tsx';
export { TryPanel } from './TryPanel.tsx';
