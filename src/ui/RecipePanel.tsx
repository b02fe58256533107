// The recipe: form and text are two views of one draft; what is wrong is named where it is.
import { type ReactNode, useId, useState } from 'react';
import { armLabel, ARM_ORDER, RANGE_ORDER } from '../app/curves.ts';
import { PRESETS, presetLabel, recipeOf } from '../app/presets.ts';
import { lastRecipe } from '../app/estimate.ts';
import { differenceLine, fieldOf, type Issue } from '../app/recipeDraft.ts';
import type { Arm } from '../app/runLog.ts';
import { lab } from '../app/theLab.ts';
import { EstimateLine } from './EstimateLine.tsx';
import { Panel } from './Panel.tsx';
import { type Field, GROUPS, RANGE_LABEL } from './recipeFields.ts';
import { useLab } from './useLab.ts';

export function RecipePanel() {
  const [view, setView] = useState<'form' | 'text'>('form');
  const switcher = (
    <fieldset className="segmented" aria-label="View of the recipe">
      <button type="button" aria-pressed={view === 'form'} onClick={() => setView('form')}>
        Form
      </button>
      <button type="button" aria-pressed={view === 'text'} onClick={() => setView('text')}>
        Text
      </button>
    </fieldset>
  );
  return (
    <Panel question="What will run?" controls={switcher}>
      <PresetChoice />
      <DifferenceFromBefore />
      <EstimateLine />
      {view === 'form' ? <RecipeForm /> : <RecipeText />}
    </Panel>
  );
}

function PresetChoice() {
  const basis = useLab((s) => s.basis);
  const value = PRESETS.findIndex((p) => p.choice.task === basis.task && p.choice.size === basis.size);
  return (
    <label className="field">
      <span>Preset</span>
      <select value={value} onChange={(e) => lab.choosePreset(PRESETS[Number(e.target.value)]!.choice)}>
        {PRESETS.map(({ label }, i) => (
          <option key={label} value={i}>
            {label}
          </option>
        ))}
      </select>
    </label>
  );
}

/** In one line: against the last run where there was one, else against the preset. */
function DifferenceFromBefore() {
  const basis = useLab((s) => s.basis);
  const value = useLab((s) => s.draft.value);
  const last = useLab(lastRecipe);
  if (value === null) return null;
  if (!last && fieldOf(value, 'model') === 'dropped')
    return <p className="difference">For the dropped model; the presets are for the embedded one.</p>;
  const line = differenceLine(value, last ?? recipeOf(basis));
  const than = last ? 'the last run' : presetLabel(basis);
  if (line === '') return <p className="difference">{last ? 'The same as the last run.' : `Exactly the preset ${than}.`}</p>;
  return (
    <p className="difference">
      Unlike {than}: {line}.
    </p>
  );
}

function RecipeForm() {
  const draft = useLab((s) => s.draft);
  const whole = draft.issues.filter((i) => i.path === '');
  const named = new Set(GROUPS.flatMap((g) => g.fields.map((f) => f.path)).concat('arms', 'evaluate.ranges'));
  const elsewhere = draft.issues.filter((i) => i.path !== '' && !named.has(i.path));
  if (draft.value === null) return <Issues issues={whole} note="Mend it in the text view." />;
  return (
    <div className="form">
      <Issues issues={[...whole, ...elsewhere]} />
      <Several path="arms" legend="Arms" options={ARM_ORDER} label={(arm) => armLabel(arm as Arm)} />
      <Several path="evaluate.ranges" legend="Judged on" options={RANGE_ORDER} label={(range) => RANGE_LABEL[range] ?? range} />
      {GROUPS.map((group) => {
        const fields = group.fields.filter((f) => fieldOf(draft.value, f.path) !== undefined);
        return (
          <details key={group.title} open={group.open && group.title === 'Task'}>
            <summary>{group.title}</summary>
            {fields.map((field) => (
              <FormField
                key={field.path}
                field={field}
                value={fieldOf(draft.value, field.path)}
                issue={draft.issues.find((i) => i.path === field.path)}
              />
            ))}
          </details>
        );
      })}
    </div>
  );
}

/** A list of the recipe as check boxes; what is checked keeps the options' order. */
function Several({
  path,
  legend,
  options,
  label,
}: {
  path: string;
  legend: string;
  options: readonly string[];
  label: (o: string) => string;
}) {
  const draft = useLab((s) => s.draft);
  const value = fieldOf(draft.value, path);
  const chosen = Array.isArray(value) ? value : [];
  const issue = draft.issues.find((i) => i.path.startsWith(path));
  return (
    <fieldset className="arms">
      <legend>{legend}</legend>
      {options.map((option) => (
        <label key={option}>
          <input
            type="checkbox"
            checked={chosen.includes(option)}
            onChange={(e) =>
              lab.setField(
                path,
                options.filter((o) => (o === option ? e.target.checked : chosen.includes(o))),
              )
            }
          />
          {label(option)}
        </label>
      ))}
      {issue ? <p className="issue">{issue.message}</p> : null}
    </fieldset>
  );
}

function FormField({ field, value, issue }: { field: Field; value: unknown; issue: Issue | undefined }) {
  const id = useId();
  const issueId = `${id}-issue`;
  const shared = { id, title: field.about, 'aria-invalid': issue ? true : undefined, 'aria-describedby': issue ? issueId : undefined };
  return (
    <div className={issue ? 'field field-wrong' : 'field'}>
      <label htmlFor={id} title={field.about}>
        {field.label}
      </label>
      {control()}
      {issue ? (
        <p className="issue" id={issueId}>
          {field.path}: {issue.message}
        </p>
      ) : null}
    </div>
  );

  function control(): ReactNode {
    switch (field.kind) {
      case 'flag':
        return <input {...shared} type="checkbox" checked={value === true} onChange={(e) => lab.setField(field.path, e.target.checked)} />;
      case 'choice':
        return (
          <select {...shared} value={String(value)} onChange={(e) => lab.setField(field.path, e.target.value)}>
            {field.options?.map((option) => (
              <option key={option}>{option}</option>
            ))}
          </select>
        );
      case 'text':
        return <input {...shared} type="text" value={String(value)} onChange={(e) => lab.setField(field.path, e.target.value)} />;
      case 'number':
        return <NumberInput shared={shared} value={value} onNumber={(n) => lab.setField(field.path, n)} />;
    }
  }
}

/** Keeps what is typed ('2e-', '0.') while it is typed; hands on a number, or the text itself so that the field's check can refuse it. */
function NumberInput({
  shared,
  value,
  onNumber,
}: {
  shared: { id: string; title: string };
  value: unknown;
  onNumber: (value: unknown) => void;
}) {
  const [typed, setTyped] = useState<string | null>(null);
  return (
    <input
      {...shared}
      type="text"
      inputMode="decimal"
      spellCheck={false}
      autoComplete="off"
      value={typed ?? String(value)}
      onChange={(e) => {
        setTyped(e.target.value);
        const number = Number(e.target.value);
        onNumber(e.target.value.trim() !== '' && Number.isFinite(number) ? number : e.target.value);
      }}
      onBlur={() => setTyped(null)}
    />
  );
}

function RecipeText() {
  const draft = useLab((s) => s.draft);
  return (
    <div className="form">
      <textarea
        aria-label="Recipe as JSON"
        aria-invalid={draft.issues.length > 0 ? true : undefined}
        spellCheck={false}
        rows={28}
        value={draft.text}
        onChange={(e) => lab.setText(e.target.value)}
      />
      <Issues issues={draft.issues} />
    </div>
  );
}

function Issues({ issues, note }: { issues: readonly Issue[]; note?: string }) {
  if (issues.length === 0) return null;
  return (
    <div className="issues" role="alert">
      <ul>
        {issues.map((i) => (
          <li key={`${i.path} ${i.message}`}>
            {i.path ? <strong>{i.path}: </strong> : null}
            {i.message}
          </li>
        ))}
      </ul>
      {note ? <p>{note}</p> : null}
    </div>
  );
}
