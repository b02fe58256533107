// One line when a newer release is there. The page goes on with the one that it has for as long as its reader likes.
import { useStore } from 'zustand';
import { delivery, openNewer } from '../app/site.ts';

export function NewerVersion() {
  const newer = useStore(delivery, (s) => s.newer);
  const notYet = useStore(delivery, (s) => s.notYet);
  if (!newer) return null;
  return (
    <div className="provenance" role="status">
      <p>{notYet ?? 'A new version is there. Reload when it suits; this one goes on until then.'}</p>
      <button type="button" onClick={() => void openNewer()}>
        Reload
      </button>
    </div>
  );
}
