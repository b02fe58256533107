// "Try the model": text from the dropped model or from an arm trained here, streamed: what goes on from a prompt, or, where the model has a chat template, a
// conversation, with what the model is sent to be read. Trained arms as downloads.
import { type FormEvent, type KeyboardEvent, useEffect, useState } from 'react';
import { useStore } from 'zustand';
import { armLabel } from '../app/curves.ts';
import { hasModels } from '../app/lab.ts';
import type { Arm } from '../app/runLog.ts';
import { lab, trial } from '../app/theLab.ts';
import type { ChatTurn, TrialState } from '../app/trial.ts';
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
  const state = useStore(trial.store);
  const idle = useLab((s) => s.activity === 'idle');
  const trained =
    useLab(hasModels) && log.end && log.end.status !== 'failed'
      ? log.end.results.filter((r) => r.arm !== 'base' || r.phase === 'after').map((r) => r.arm)
      : [];
  const arms = [...new Set(trained)];
  const ranDropped = log.start?.recipe.model === 'dropped';
  const [prompt, setPrompt] = useState('Once upon a time');
  const [message, setMessage] = useState('');
  const [system, setSystem] = useState('');
  const [plain, setPlain] = useState(false);
  const [chosen, setArm] = useState<Arm | ''>('');
  const arm = chosen !== '' && arms.includes(chosen) ? chosen : model ? '' : (arms[0] ?? '');
  // arms of an opened bundle write without the model that they came from
  const writes = ranDropped && arms.length > 0;
  const canWrite = model !== null || writes;
  // biome-ignore lint/correctness/useExhaustiveDependencies: another model is another template
  useEffect(() => {
    if (canWrite) void trial.lookAt(arm === '' ? null : arm);
  }, [canWrite, arm, model]);
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
  if (!canWrite) {
    return (
      <>
        <p className="empty">Drop a model folder (config.json, safetensors, tokenizer.json) to let it write here.</p>
        {downloads}
      </>
    );
  }
  const { hasChat, chatProblem, busy, error, tokens, tokPerS } = state;
  const chat = hasChat && !plain;
  const name = model?.name ?? 'a trained arm';
  const onSubmit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const number = (field: string) => Number(form.get(field));
    const sampling = {
      maxTokens: number('maxTokens'),
      temperature: number('temperature'),
      topK: number('topK'),
      topP: number('topP'),
      seed: number('seed'),
    };
    const weights = arm === '' ? null : arm;
    if (!chat) await trial.write(prompt, sampling, weights);
    else if (await trial.say(message, system, sampling, weights)) setMessage('');
  };
  return (
    <form className="trial" onSubmit={(event) => void onSubmit(event)}>
      {hasChat ? (
        <div className="trial-format">
          <fieldset className="segmented" aria-label="Format of the prompt">
            <button type="button" aria-pressed={!chat} disabled={busy} onClick={() => setPlain(true)}>
              Plain text
            </button>
            <button type="button" aria-pressed={chat} disabled={busy} onClick={() => setPlain(false)}>
              Chat
            </button>
          </fieldset>
          {chat ? (
            <button type="button" disabled={busy || state.turns.length === 0} onClick={trial.newConversation}>
              New conversation
            </button>
          ) : null}
        </div>
      ) : null}
      {chatProblem ? <p className="detail">{chatProblem} It is written to in plain text.</p> : null}
      {chat ? (
        <>
          <label className="trial-prompt">
            <span>System message, if any</span>
            <textarea rows={1} value={system} onChange={(e) => setSystem(e.target.value)} />
          </label>
          <Conversation {...state} />
          <label className="trial-prompt">
            <span>Message to {name} (Enter sends, Shift+Enter begins a line)</span>
            <textarea rows={2} required value={message} onChange={(e) => setMessage(e.target.value)} onKeyDown={sendOnEnter} />
          </label>
        </>
      ) : (
        <label className="trial-prompt">
          <span>Prompt for {name}</span>
          <textarea rows={3} value={prompt} spellCheck={false} onChange={(e) => setPrompt(e.target.value)} />
        </label>
      )}
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
        <button type="submit" disabled={busy || !idle}>
          {busy ? 'Writing…' : chat ? 'Send' : 'Write'}
        </button>
      </div>
      {error ? (
        <p className="issue" role="alert">
          {error}
        </p>
      ) : null}
      {!chat && state.asked?.of === 'prompt' && (state.text || busy) ? (
        <output className="written" aria-live="off" aria-label="Written by the model">
          <span className="written-prompt">{state.asked.text}</span>
          {state.text}
        </output>
      ) : null}
      {tokPerS !== null ? (
        <p className="note">
          <span className="num">{tokens}</span> tokens, <span className="num">{tokPerS.toFixed(1)}</span> per second
        </p>
      ) : null}
      {chat && state.sent ? (
        <details className="sent">
          <summary>
            What the model was sent: {state.sent.tokens} {state.sent.tokens === 1 ? 'token' : 'tokens'}
          </summary>
          <pre>{state.sent.text}</pre>
        </details>
      ) : null}
      {downloads}
    </form>
  );
}

/** Messages and answers so far, the one that is being answered with them. */
function Conversation({ turns, asked, text, busy }: TrialState) {
  const open: ChatTurn[] =
    asked?.of === 'message' && (busy || text)
      ? [
          { role: 'user', content: asked.text },
          { role: 'assistant', content: text || '…' },
        ]
      : [];
  const shown = [...turns, ...open];
  if (shown.length === 0) return null;
  return (
    <ol className="conversation" aria-label="Conversation">
      {shown.map(({ role, content }, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: turns are only added
        <li key={i} className={`turn turn-${role}`}>
          <span className="turn-role">{role === 'user' ? 'You' : 'Model'}</span>
          <p>{content}</p>
        </li>
      ))}
    </ol>
  );
}

function sendOnEnter(event: KeyboardEvent<HTMLTextAreaElement>) {
  if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
  event.preventDefault();
  event.currentTarget.form?.requestSubmit();
}
