// "Try the model": text from the dropped model or from an arm trained here, streamed; trained arms as downloads.
import { type FormEvent, useState } from 'react';
import { armLabel } from '../app/curves.ts';
import { hasModels } from '../app/lab.ts';
import type { Arm } from '../app/runLog.ts';
import { lab } from '../app/theLab.ts';
import { LoadModels } from './LoadModels.tsx';
import { Panel } from './Panel.tsx';
import { useLab, useLog } from './useLab.ts';

export function TryPanel() {
  return (
    <Panel question="Try the model">
      <Trial />
    </Panel>
  );
}

const SETTINGS = [
  { name: 'maxTokens', label: 'Max tokens', initial: 128, min: 1, max: 8192, step: 1 },
  { name: 'temperature', label: 'Temperature', initial: 0.8, min: 0, max: 10, step: 0.05 },
  { name: 'topK', label: 'Top-k', initial: 0, min: 0, max: 100000, step: 1 },
  { name: 'topP', label: 'Top-p', initial: 1, min: 0.01, max: 1, step: 0.01 },
  { name: 'seed', label: 'Seed', initial: 1, min: 0, max: 4294967295, step: 1 },
] as const;

function Trial() {
  const { log } = useLog();
  const model = useLab((s) => s.recognised?.model ?? null);
  const trial = useLab((s) => s.trial);
  const idle = useLab((s) => s.activity === 'idle');
  const trained =
    useLab(hasModels) && log.end && log.end.status !== 'failed'
      ? log.end.results.filter((r) => r.arm !== 'base' || r.phase === 'after').map((r) => r.arm)
      : [];
  const arms = [...new Set(trained)];
  const ranDropped = log.start?.recipe.model === 'dropped';
  const [prompt, setPrompt] = useState('Once upon a time');
  const [chosen, setArm] = useState<Arm | ''>('');
  const arm = chosen !== '' && arms.includes(chosen) ? chosen : model ? '' : (arms[0] ?? '');
  const downloads =
    arms.length > 0 ? (
      <p className="downloads">
        Trained here, each as a Hugging Face folder in a zip:
        {arms.map((a) => (
          <button key={a} type="button" aria-label={`Download ${armLabel(a)}`} onClick={() => void lab.downloadModel(a)}>
            {armLabel(a)}
          </button>
        ))}
      </p>
    ) : (
      <LoadModels />
    );
  // arms of an opened bundle write without the model that they came from
  const writes = ranDropped && arms.length > 0;
  if (!model && !writes) {
    return (
      <>
        <p className="empty">Drop a model folder (config.json, safetensors, tokenizer.json) to let it write here.</p>
        {downloads}
      </>
    );
  }
  const onSubmit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const number = (name: string) => Number(form.get(name));
    void lab.generate(
      {
        prompt,
        maxTokens: number('maxTokens'),
        temperature: number('temperature'),
        topK: number('topK'),
        topP: number('topP'),
        seed: number('seed'),
      },
      arm === '' ? null : arm,
    );
  };
  return (
    <form className="trial" onSubmit={onSubmit}>
      <label className="trial-prompt">
        <span>Prompt for {model?.name ?? 'a trained arm'}</span>
        <textarea rows={3} value={prompt} spellCheck={false} onChange={(e) => setPrompt(e.target.value)} />
      </label>
      <div className="trial-settings">
        {SETTINGS.map(({ name, label, initial, min, max, step }) => (
          <label key={name}>
            <span>{label}</span>
            <input type="number" name={name} defaultValue={initial} min={min} max={max} step={step} required />
          </label>
        ))}
        {writes ? (
          <label>
            <span>Weights</span>
            <select value={arm} onChange={(e) => setArm(e.target.value as Arm | '')}>
              {model ? <option value="">as dropped</option> : null}
              {arms.map((a) => (
                <option key={a} value={a}>
                  {armLabel(a)}
                </option>
              ))}
            </select>
          </label>
        ) : null}
        <button type="submit" disabled={trial.busy || !idle}>
          {trial.busy ? 'Writing…' : 'Write'}
        </button>
      </div>
      {trial.error ? (
        <p className="issue" role="alert">
          {trial.error}
        </p>
      ) : null}
      {trial.text || trial.busy ? (
        <output className="written" aria-live="off" aria-label="Written by the model">
          <span className="written-prompt">{prompt}</span>
          {trial.text}
        </output>
      ) : null}
      {trial.tokPerS !== null ? (
        <p className="note">
          <span className="num">{trial.tokens}</span> tokens, <span className="num">{trial.tokPerS.toFixed(1)}</span> per second
        </p>
      ) : null}
      {downloads}
    </form>
  );
}
