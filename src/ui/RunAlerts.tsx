// What in the shown run should worry whoever watches it, on top of the panels. Looked for every two seconds, however fast the log grows.
import { useMemo } from 'react';
import { alertsOf } from '../app/alerts.ts';
import { useLog } from './useLab.ts';

/** The log's version grows ten times a second at most. */
const VERSIONS = 20;

export function RunAlerts() {
  const { log, cut, version } = useLog();
  const { end } = log;
  const at = Math.ceil(version / VERSIONS);
  // biome-ignore lint/correctness/useExhaustiveDependencies: at and end say that the log has changed
  const alerts = useMemo(() => alertsOf(log, cut), [log, cut, at, end]);
  if (alerts.length === 0) return null;
  return (
    <ul className="notices run-alerts" aria-label="Alerts">
      {alerts.map(({ kind, where, message }) => (
        <li key={`${kind} ${where}`} className="notice notice-warning">
          <strong>{where}</strong> {message}
        </li>
      ))}
    </ul>
  );
}
