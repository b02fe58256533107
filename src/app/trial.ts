// Trying a model: a text that goes on from a prompt, or a conversation in the model's own chat template. Without React.
// Promises one text at a time, that a message which was not answered is no part of the conversation, and that what the model is sent can be read.
// Failures stand in the state, none is silent.
import { createStore, type StoreApi } from 'zustand/vanilla';
import type { ChatTurn, GenerateOptions } from '../worker/client.ts';
import type { Lab } from './lab.ts';
import type { Arm } from './runLog.ts';
import { said } from './said.ts';

export type { ChatTurn };
export type Sampling = Omit<GenerateOptions, 'prompt'>;

export interface TrialState {
  /** Of the weights that were looked at last. */
  hasChat: boolean;
  /** Why their chat template cannot be read. */
  chatProblem: string | null;
  busy: boolean;
  /** What was asked last, and what has come of it so far; a message that was answered is among the turns. */
  asked: { of: 'prompt' | 'message'; text: string } | null;
  text: string;
  /** Messages and their answers, without the system message. */
  turns: ChatTurn[];
  /** What the model was sent last in a conversation, as its template wrote it. */
  sent: { text: string; tokens: number } | null;
  error: string | null;
  tokens: number;
  tokPerS: number | null;
}

export interface Trial {
  store: StoreApi<TrialState>;
  /** Finds out whether these weights (null: as dropped) have a chat template. */
  lookAt(arm: Arm | null): Promise<void>;
  write(prompt: string, sampling: Sampling, arm: Arm | null): Promise<void>;
  /** Sends a message on top of the conversation. True when it was answered. */
  say(message: string, system: string, sampling: Sampling, arm: Arm | null): Promise<boolean>;
  newConversation(): void;
}

const NOTHING = { asked: null, text: '', sent: null, error: null, tokens: 0, tokPerS: null };

export function createTrial(lab: Pick<Lab, 'ask' | 'store'>): Trial {
  const store = createStore<TrialState>(() => ({ ...NOTHING, hasChat: false, chatProblem: null, busy: false, turns: [] }));
  const { getState: get, setState: set } = store;
  let looks = 0;

  /** The text, or null when there is none but an error. */
  async function generate(asked: TrialState['asked'], options: GenerateOptions, arm: Arm | null): Promise<string | null> {
    set({ ...NOTHING, busy: true, asked });
    const startedAt = performance.now();
    const onSent = (sent: NonNullable<TrialState['sent']>): void => {
      if (asked?.of === 'message') set({ sent });
    };
    try {
      const { text, ids } = await lab.ask((api) => api.generate(options, arm, onSent, (piece) => set((s) => ({ text: s.text + piece }))));
      const seconds = (performance.now() - startedAt) / 1000;
      set({ text, tokens: ids.length, tokPerS: seconds > 0 ? ids.length / seconds : null });
      lab.store.setState({ said: `The model has written ${ids.length} tokens` });
      return text;
    } catch (error) {
      set({ error: said(error) });
      return null;
    } finally {
      set({ busy: false });
    }
  }

  return {
    store,
    lookAt: async (arm) => {
      const mine = ++looks;
      const found = await lab
        .ask((api) => api.hasChat(arm))
        .then((hasChat) => ({ hasChat, chatProblem: null }))
        .catch((error: unknown) => ({ hasChat: false, chatProblem: said(error) }));
      if (mine === looks) set(found);
    },
    write: async (prompt, sampling, arm) => {
      if (!get().busy) await generate({ of: 'prompt', text: prompt }, { ...sampling, prompt: { text: prompt } }, arm);
    },
    say: async (message, system, sampling, arm) => {
      if (get().busy) return false;
      const messages: ChatTurn[] = [...get().turns, { role: 'user', content: message }];
      const before: ChatTurn[] = system.trim() === '' ? [] : [{ role: 'system', content: system }];
      const answer = await generate({ of: 'message', text: message }, { ...sampling, prompt: { messages: [...before, ...messages] } }, arm);
      if (answer !== null) set({ turns: [...messages, { role: 'assistant', content: answer }], asked: null, text: '' });
      return answer !== null;
    },
    newConversation: () => {
      if (!get().busy) set({ ...NOTHING, turns: [] });
    },
  };
}
