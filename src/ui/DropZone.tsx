// Where a model or a dataset comes in: by dropping anywhere on the page, or by a picker. Shows what was recognised before anything runs.
// All text from files is shown as text nodes.
import { useEffect, useRef, useState } from 'react';
import { createPortal } from 'react-dom';
import { useStore } from 'zustand';
import { type FieldMapping, MAPPING_LABEL, mappingKinds, missingForRecipe, type Recognised } from '../app/droppedTask.ts';
import { dropPreview, lab } from '../app/theLab.ts';
import type { PreviewRow } from '../formats/recognised.ts';
import { filesOfDrop, filesOfPicker } from './droppedFiles.ts';
import { count } from './numbers.ts';
import { useLab } from './useLab.ts';

export function DropZone() {
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const dropping = useLab((s) => s.dropping);
  const recognised = useLab((s) => s.recognised);
  const over = useDropAnywhere();
  const picked = (input: HTMLInputElement) => {
    try {
      void lab.drop(filesOfPicker(input.files));
    } catch (error) {
      unread(error);
    }
    // the same file chosen once more is a choice too: it may have been changed
    input.value = '';
  };
  return (
    <section className="drop" aria-label="Model and dataset">
      <div className="drop-zone">
        <button type="button" className="drop-main" disabled={dropping} onClick={() => files.current?.click()}>
          Drop a model or a dataset
        </button>
        {dropping ? (
          <p>Reading…</p>
        ) : (
          <p>
            Anywhere here, or{' '}
            <button type="button" className="link" onClick={() => folder.current?.click()}>
              choose a folder
            </button>
            .<br />
            Nothing leaves this tab.
          </p>
        )}
      </div>
      <input ref={files} type="file" multiple hidden aria-label="Files" onChange={(e) => picked(e.target)} />
      <input
        ref={(element) => {
          folder.current = element;
          element?.setAttribute('webkitdirectory', '');
        }}
        type="file"
        hidden
        aria-label="Folder"
        onChange={(e) => picked(e.target)}
      />
      {recognised ? <RecognisedFiles recognised={recognised} /> : null}
      {over ? <DropOverlay /> : null}
    </section>
  );
}

/** In the body: the column that the zone is in stays in place, so what lies in it cannot lie over the charts. */
function DropOverlay() {
  return createPortal(
    <div className="drop-overlay">
      <div>
        <p>Drop a model or a dataset</p>
        <p className="detail">
          A model folder, a GGUF file, rows as JSONL, JSON, Parquet or CSV, text, a recipe, or a bundle of an earlier run. It is read in
          this tab and named; nothing runs and nothing is sent.
        </p>
      </div>
    </div>,
    document.body,
  );
}

function unread(error: unknown): void {
  lab.fail(`The drop could not be read: ${error instanceof Error ? error.message : String(error)}`);
}

function useDropAnywhere(): boolean {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
    const onOver = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const onLeave = (event: DragEvent) => {
      if (event.relatedTarget === null) setOver(false);
    };
    const onDrop = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setOver(false);
      if (event.dataTransfer) {
        filesOfDrop(event.dataTransfer).then((dropped) => lab.drop(dropped), unread);
      }
    };
    addEventListener('dragover', onOver);
    addEventListener('dragleave', onLeave);
    addEventListener('drop', onDrop);
    return () => {
      removeEventListener('dragover', onOver);
      removeEventListener('dragleave', onLeave);
      removeEventListener('drop', onDrop);
    };
  }, []);
  return over;
}

function RecognisedFiles({ recognised }: { recognised: Recognised }) {
  const { model, dataset, recipe, asks, problems } = recognised;
  const mapping = useLab((s) => s.mapping);
  const idle = useLab((s) => s.activity === 'idle');
  const missing = missingForRecipe(recognised, mapping);
  return (
    <div className="recognised">
      {model ? (
        <dl>
          <dt>Model</dt>
          <dd>
            <Named name={model.name} part="model" />
            <span className="detail">
              {model.family}, {count(model.parameters)} parameters, {model.layers} layers, context {count(model.context)}, vocabulary{' '}
              {count(model.vocabulary)}, {model.dtype}, {model.hasTokenizer ? 'with tokenizer' : 'no tokenizer'}
            </span>
          </dd>
        </dl>
      ) : null}
      {dataset ? (
        <dl>
          <dt>Dataset</dt>
          <dd>
            <Named name={dataset.name} part="dataset" />
            <span className="detail">
              {dataset.kind === 'text' ? 'plain text' : `${count(dataset.rows)} rows`}
              {dataset.badRows > 0 ? `, ${count(dataset.badRows)} unreadable` : ''}
              {dataset.kind === 'text' ? '' : `; fields ${dataset.fields.join(', ') || 'none'}`}
            </span>
            {dataset.badLines.length > 0 ? <BadLines of={dataset} /> : null}
            {dataset.problems ? (
              <span className="detail">
                {dataset.problems.name}: {count(dataset.problems.rows)} problems with {count(dataset.problems.tests)} tests
              </span>
            ) : null}
            {mapping ? <Mapping dataset={dataset} mapping={mapping} /> : null}
          </dd>
        </dl>
      ) : null}
      {asks ? <Asked asks={asks} /> : null}
      {recipe ? (
        <dl>
          <dt>Recipe</dt>
          <dd>
            <Named name={recipe.name || 'without a name'} part="recipe" />
            <button type="button" disabled={!idle} onClick={lab.useDroppedRecipe}>
              Use this recipe
            </button>
          </dd>
        </dl>
      ) : null}
      {problems.length > 0 ? (
        <div className="problems">
          <p>{problems.length === 1 ? 'One file was left out' : `${problems.length} files were left out`}</p>
          <ul aria-label="Problems">
            {problems.map((p) => (
              <li key={`${p.file} ${p.message}`}>
                <strong>{p.file}</strong> {p.message}
              </li>
            ))}
          </ul>
        </div>
      ) : null}
      {model || dataset ? (
        <div className="use-drop">
          <button type="button" disabled={missing !== null || !idle} onClick={lab.useDrop}>
            Use in the recipe
          </button>
          {missing ? <p>{missing}</p> : null}
        </div>
      ) : null}
    </div>
  );
}

function Named({ name, part }: { name: string; part: 'model' | 'dataset' | 'recipe' }) {
  const idle = useLab((s) => s.activity === 'idle');
  return (
    <span className="recognised-name">
      <strong>{name}</strong>
      <button
        type="button"
        className="link"
        aria-label={`Remove the ${part}`}
        disabled={!idle}
        title={idle ? `Take the ${part} back` : 'A run is under way'}
        onClick={() => void lab.forget(part)}
      >
        Remove
      </button>
    </span>
  );
}

/** Many rows cannot be read: nothing of the file is used before someone says so. */
function Asked({ asks }: { asks: NonNullable<Recognised['asks']> }) {
  const dropping = useLab((s) => s.dropping);
  return (
    <dl>
      <dt>Dataset?</dt>
      <dd>
        <strong>{asks.file}</strong>
        <span className="detail">
          {count(asks.badRows)} of {count(asks.badRows + asks.goodRows)} rows cannot be read. Nothing of it is used yet.
        </span>
        <BadLines of={asks} />
        <div className="answers">
          <button type="button" disabled={dropping} onClick={() => void lab.answerAsked(true)}>
            Use the {count(asks.goodRows)} good {asks.goodRows === 1 ? 'row' : 'rows'}
          </button>
          <button type="button" className="link" disabled={dropping} onClick={() => void lab.answerAsked(false)}>
            Leave the file out
          </button>
        </div>
      </dd>
    </dl>
  );
}

function BadLines({ of: { badRows, badLines } }: { of: { badRows: number; badLines: { line: number; message: string }[] } }) {
  return (
    <ul className="problems" aria-label="Unreadable rows">
      {badLines.map(({ line, message }) => (
        <li key={line}>
          line {line}: {message}
        </li>
      ))}
      {badRows > badLines.length ? <li>and {count(badRows - badLines.length)} more</li> : null}
    </ul>
  );
}

type Dataset = NonNullable<Recognised['dataset']>;

function Mapping({ dataset, mapping }: { dataset: Dataset; mapping: FieldMapping }) {
  const set = (change: Partial<FieldMapping>) => lab.setMapping({ ...mapping, ...change });
  const { kind } = mapping;
  const { fields } = dataset;
  const field = (label: string, key: 'prompt' | 'solution' | 'tests' | 'setup' | 'entryPoint' | 'text', mayLack = false) => (
    <Choice
      label={label}
      value={mapping[key]}
      options={(mayLack ? ['', ...fields] : fields).map((name) => [name, name === '' ? 'none' : name])}
      onChange={(name) => set({ [key]: name })}
    />
  );
  return (
    <div className="mapping">
      <Choice
        label="Rows are"
        value={kind}
        options={mappingKinds(dataset).map((each) => [each, each === 'suite' ? `${dataset.problems?.name} problems` : MAPPING_LABEL[each]])}
        onChange={(chosen) => set({ kind: chosen as FieldMapping['kind'] })}
      />
      {kind === 'text' && fields.length > 0 ? field('Text', 'text') : null}
      {kind === 'code' || kind === 'mapped' ? field('Prompt', 'prompt') : null}
      {kind === 'code' || kind === 'mapped' ? field('Expert solution', 'solution', kind === 'mapped') : null}
      {kind === 'mapped' ? (
        <>
          {field('Tests', 'tests', true)}
          {field('Setup', 'setup', true)}
          {field('Entry point', 'entryPoint', true)}
        </>
      ) : null}
      <PreviewOfRows />
    </div>
  );
}

/** The first rows as they will be used, one at a time. */
function PreviewOfRows() {
  const { preview, error } = useStore(dropPreview);
  const [at, setAt] = useState(0);
  if (error) return <p className="issue">{error}</p>;
  if (!preview || preview.rows.length === 0) return null;
  const row = preview.rows[Math.min(at, preview.rows.length - 1)]!;
  return (
    <section className="row-preview" aria-label="Rows as they will be used">
      <fieldset className="segmented" aria-label="Row">
        {preview.rows.map((each, i) => (
          <button key={each.row} type="button" aria-pressed={each === row} aria-label={`Row ${each.row}`} onClick={() => setAt(i)}>
            {each.row}
          </button>
        ))}
      </fieldset>
      {row.problem ? (
        <p className="issue">
          Row {row.row} would be left out: {row.problem}.
        </p>
      ) : (
        <RowAsUsed row={row} />
      )}
      {preview.unusable ? <p className="detail">{count(preview.unusable)} rows are empty in these fields and will be left out.</p> : null}
    </section>
  );
}

function RowAsUsed({ row }: { row: PreviewRow }) {
  return (
    <>
      <h3>Prompt</h3>
      {row.prompt === '' ? <p className="issue">empty</p> : <pre>{row.prompt}</pre>}
      {row.lines.length > 0 ? (
        <>
          <h3>Expert lines{row.comments > 0 ? `, without ${row.comments} ${row.comments === 1 ? 'comment' : 'comments'}` : ''}</h3>
          <ol className="expert-lines">
            {row.lines.map((line, i) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: lines have no other name
              <li key={i}>
                <code>{line}</code>
              </li>
            ))}
          </ol>
          {row.moreLines > 0 ? <p className="detail">and {row.moreLines} more lines</p> : null}
        </>
      ) : null}
      {row.tests.length > 0 ? (
        <>
          <h3>Tests</h3>
          <pre>{row.tests.join('\n')}</pre>
          {row.moreTests > 0 ? <p className="detail">and {count(row.moreTests)} more tests</p> : null}
        </>
      ) : null}
    </>
  );
}

function Choice({
  label,
  value,
  options,
  onChange,
}: {
  label: string;
  value: string;
  /** [value, label] */
  options: readonly (readonly [string, string])[];
  onChange: (value: string) => void;
}) {
  return (
    <label className="field">
      <span>{label}</span>
      <select value={value} onChange={(e) => onChange(e.target.value)}>
        {options.map(([option, shown]) => (
          <option key={option} value={option}>
            {shown}
          </option>
        ))}
      </select>
    </label>
  );
}
