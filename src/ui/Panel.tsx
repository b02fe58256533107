// A panel: one question as its title, one answer below. A panel that throws shows its error and takes only itself down.
import { Component, type ReactNode, useId } from 'react';

interface PanelProps {
  question: string;
  /** One quiet line beside the title. */
  note?: ReactNode;
  controls?: ReactNode;
  children: ReactNode;
}

export function Panel({ question, note, controls, children }: PanelProps) {
  const id = useId();
  return (
    <section className="panel" aria-labelledby={id}>
      <header className="panel-head">
        <h2 id={id}>{question}</h2>
        {note ? <p className="panel-note">{note}</p> : null}
        {controls ? <div className="panel-controls">{controls}</div> : null}
      </header>
      <Boundary>{children}</Boundary>
    </section>
  );
}

export class Boundary extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };

  static getDerivedStateFromError(error: unknown): { error: Error } {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (!error) return this.props.children;
    return (
      <div className="failed" role="alert">
        <p>This panel failed: {error.message}</p>
        <p>The others and the run go on.</p>
        <button type="button" onClick={() => this.setState({ error: null })}>
          Show it again
        </button>
      </div>
    );
  }
}
