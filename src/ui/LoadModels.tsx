// The verb by which an earlier run's models come out of its bundle; nothing where there is none to load.
import { canLoadModels } from '../app/lab.ts';
import { lab } from '../app/theLab.ts';
import { useLab } from './useLab.ts';

export function LoadModels() {
  const can = useLab(canLoadModels);
  const loading = useLab((s) => s.loadingModels);
  if (!can && !loading) return null;
  return (
    <button type="button" disabled={loading} title="From the run’s bundle; checked before use" onClick={() => void lab.loadModels()}>
      {loading ? 'Loading its models…' : 'Load its models'}
    </button>
  );
}
