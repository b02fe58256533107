// Every byte that the page stores, by run and kind, with delete and the browser's promise. Read when it is opened.
import { useStore } from 'zustand';
import { bytesText, type RunSizes } from '../app/storage.ts';
import { lab, storageView } from '../app/theLab.ts';
import { Panel } from './Panel.tsx';
import { useLab } from './useLab.ts';

export function StoragePanel() {
  return (
    <Panel question="What is stored?">
      <details
        className="storage"
        onToggle={(event) => {
          if (event.currentTarget.open) void storageView.look();
        }}
      >
        <summary>Every byte, by run</summary>
        <Storage />
      </details>
    </Panel>
  );
}

function Storage() {
  const use = useStore(storageView.store, (s) => s.use);
  const error = useStore(storageView.store, (s) => s.error);
  const runs = useLab((s) => s.runs);
  if (error) return <p className="empty">{error}</p>;
  if (!use) return <p className="empty">Reading…</p>;
  const rows = use.runs.map((sizes) => ({
    ...sizes,
    run: runs.find((run) => run.id === sizes.id),
    total: sizes.logBytes + sizes.checkpointBytes + sizes.inputBytes + sizes.bundleBytes,
  }));
  rows.sort((a, b) => b.total - a.total);
  return (
    <>
      {rows.length === 0 ? (
        <p className="empty">No run yet.</p>
      ) : (
        <div className="scroll">
          <table className="storage-table">
            <caption className="visually-hidden">Stored bytes of each run</caption>
            <thead>
              <tr>
                <th scope="col">Run</th>
                <th scope="col">Bytes</th>
                <th scope="col">
                  <span className="visually-hidden">Delete</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.map(({ id, run, total, ...sizes }) => (
                <tr key={id}>
                  <th scope="row">
                    {run?.name ?? id}
                    <span className="detail">{kindsText(sizes)}</span>
                  </th>
                  <td className="num">{bytesText(total)}</td>
                  <td>
                    <button
                      type="button"
                      className="link"
                      aria-label={`Delete ${run?.name ?? id} from storage`}
                      disabled={run?.elsewhere || run?.status === 'running' || run?.status === 'paused'}
                      onClick={() => void lab.deleteRun(id).then(storageView.look)}
                    >
                      Delete
                    </button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <p className="storage-sum">
        {use.usageBytes !== null && use.quotaBytes !== null ? (
          <span className="num">
            {bytesText(use.usageBytes)} of {bytesText(use.quotaBytes)} that the browser allows.
          </span>
        ) : null}
        {use.persisted ? (
          <span>The browser keeps it until you delete it.</span>
        ) : (
          <button type="button" onClick={() => void storageView.persist()}>
            Keep it for good
          </button>
        )}
        <button type="button" className="link" onClick={() => void storageView.look()}>
          Count again
        </button>
      </p>
    </>
  );
}

function kindsText({ logBytes, checkpointBytes, inputBytes, bundleBytes }: Omit<RunSizes, 'id'>): string {
  const kinds: [string, number][] = [
    ['log', logBytes],
    ['checkpoints', checkpointBytes],
    ['dropped files', inputBytes],
    ['bundle', bundleBytes],
  ];
  return kinds
    .filter(([, bytes]) => bytes > 0)
    .map(([kind, bytes]) => `${kind} ${bytesText(bytes)}`)
    .join(', ');
}
