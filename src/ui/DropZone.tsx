// Where a model or a dataset comes in: by dropping anywhere on the page, or by a picker. Shows what was recognised before anything runs.
// All text from files is shown as text nodes.
import { useEffect, useRef, useState } from 'react';
import { type FieldMapping, missingForRecipe, type Recognised } from '../app/droppedTask.ts';
import { lab } from '../app/theLab.ts';
import { filesOfDrop, filesOfPicker } from './droppedFiles.ts';
import { count } from './numbers.ts';
import { useLab } from './useLab.ts';

export function DropZone() {
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const dropping = useLab((s) => s.dropping);
  const recognised = useLab((s) => s.recognised);
  const over = useDropAnywhere();
  const picked = (list: FileList | null) => void lab.drop(filesOfPicker(list));
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
      <input ref={files} type="file" multiple hidden aria-label="Files" onChange={(e) => picked(e.target.files)} />
      <input
        ref={(element) => {
          folder.current = element;
          element?.setAttribute('webkitdirectory', '');
        }}
        type="file"
        hidden
        aria-label="Folder"
        onChange={(e) => picked(e.target.files)}
      />
      {recognised ? <RecognisedFiles recognised={recognised} /> : null}
      {over ? <div className="drop-overlay">Drop to read it. Nothing runs yet.</div> : null}
    </section>
  );
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
        filesOfDrop(event.dataTransfer).then(
          (dropped) => lab.drop(dropped),
          (error: unknown) => lab.fail(`The drop could not be read: ${error instanceof Error ? error.message : String(error)}`),
        );
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
  const { model, dataset, recipe, problems } = recognised;
  const mapping = useLab((s) => s.mapping);
  const idle = useLab((s) => s.activity === 'idle');
  const missing = missingForRecipe(recognised);
  return (
    <div className="recognised">
      {model ? (
        <dl>
          <dt>Model</dt>
          <dd>
            <strong>{model.name}</strong>
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
            <strong>{dataset.name}</strong>
            <span className="detail">
              {count(dataset.rows)} rows{dataset.badRows > 0 ? `, ${count(dataset.badRows)} unreadable` : ''}; fields{' '}
              {dataset.fields.join(', ') || 'none'}
            </span>
            {dataset.problems ? (
              <span className="detail">
                {dataset.problems.name}: {count(dataset.problems.rows)} problems with {count(dataset.problems.tests)} tests
              </span>
            ) : null}
            {mapping && dataset.fields.length > 0 ? <Mapping dataset={dataset} mapping={mapping} /> : null}
          </dd>
        </dl>
      ) : null}
      {recipe ? (
        <dl>
          <dt>Recipe</dt>
          <dd>
            <strong>{recipe.name}</strong>
            <button type="button" disabled={!idle} onClick={lab.useDroppedRecipe}>
              Use this recipe
            </button>
          </dd>
        </dl>
      ) : null}
      {problems.length > 0 ? (
        <ul className="problems" aria-label="Problems">
          {problems.map((p) => (
            <li key={`${p.file} ${p.message}`}>
              <strong>{p.file}</strong> {p.message}
            </li>
          ))}
        </ul>
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

function Mapping({ dataset, mapping }: { dataset: NonNullable<Recognised['dataset']>; mapping: FieldMapping }) {
  const set = (change: Partial<FieldMapping>) => lab.setMapping({ ...mapping, ...change });
  const row = dataset.preview[0];
  return (
    <div className="mapping">
      <Choice
        label="Rows are"
        value={mapping.kind}
        options={['code', 'text']}
        onChange={(kind) => set({ kind: kind === 'code' ? 'code' : 'text' })}
      />
      {mapping.kind === 'code' ? (
        <>
          <Choice label="Prompt" value={mapping.prompt} options={dataset.fields} onChange={(prompt) => set({ prompt })} />
          <Choice label="Solution" value={mapping.solution} options={dataset.fields} onChange={(solution) => set({ solution })} />
          {row ? <pre>{`${row[mapping.prompt] ?? ''}\n⋯\n${row[mapping.solution] ?? ''}`}</pre> : null}
        </>
      ) : (
        <>
          <Choice label="Text" value={mapping.text} options={dataset.fields} onChange={(text) => set({ text })} />
          {row ? <pre>{row[mapping.text] ?? ''}</pre> : null}
        </>
      )}
    </div>
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
  options: readonly string[];
  onChange: (value: string) => void;
}) {
  return (
    <label className="field">
      <span>{label}</span>
      <select value={value} onChange={(e) => onChange(e.target.value)}>
        {options.map((option) => (
          <option key={option} value={option}>
            {option}
          </option>
        ))}
      </select>
    </label>
  );
}
