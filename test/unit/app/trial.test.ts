// Trying a model without a page: what is streamed, what a conversation sends and keeps, and that a failure costs nothing but its message.
import { describe, expect, it } from 'vitest';
import { createStore } from 'zustand/vanilla';
import type { Lab, LabState } from '../../../src/app/lab.ts';
import { createTrial } from '../../../src/app/trial.ts';
import type { GenerateOptions, LabApi } from '../../../src/worker/protocol.ts';

const SAMPLING = { maxTokens: 2, temperature: 0, topK: 0, topP: 1, seed: 1 };

function opened(answer: (prompt: GenerateOptions['prompt']) => string, hasChat: LabApi['hasChat'] = async () => true) {
  const prompts: GenerateOptions['prompt'][] = [];
  const api: Pick<LabApi, 'generate' | 'hasChat'> = {
    hasChat,
    generate: async ({ prompt }, _, onSent, onText) => {
      prompts.push(prompt);
      onSent({ text: JSON.stringify(prompt), tokens: 7 });
      const text = answer(prompt);
      for (const piece of text) onText(piece);
      return { ids: [1, 2], text, logprobs: [-1, -1] };
    },
  };
  const lab: Pick<Lab, 'ask' | 'store'> = {
    store: createStore<LabState>(() => ({ said: '' }) as LabState),
    ask: (call) => call(api as LabApi),
  };
  const trial = createTrial(lab);
  return { trial, lab, prompts, state: trial.store.getState };
}

it('a text is streamed, and shown behind the prompt that it goes on from', async () => {
  const { trial, state, lab } = opened(() => 'ab');
  const seen: string[] = [];
  trial.store.subscribe(({ text }) => seen.push(text));
  await trial.write('x', SAMPLING, null);
  expect(seen).toEqual(expect.arrayContaining(['a', 'ab']));
  expect(state()).toMatchObject({ busy: false, asked: { of: 'prompt', text: 'x' }, text: 'ab', tokens: 2, error: null, sent: null });
  expect(lab.store.getState().said).toBe('The model has written 2 tokens');
});

describe('a conversation', () => {
  it('goes on with the answers as turns, the system message first, and shows what was sent', async () => {
    const { trial, state, prompts } = opened((prompt) => `answer ${'messages' in prompt ? prompt.messages.length : 0}`);
    expect(await trial.say('one', '  ', SAMPLING, null)).toBe(true);
    expect(await trial.say('two', 'be kind', SAMPLING, 'ra3')).toBe(true);
    const [user, assistant] = [
      { role: 'user', content: 'one' },
      { role: 'assistant', content: 'answer 1' },
    ];
    const second = [{ role: 'system', content: 'be kind' }, user, assistant, { role: 'user', content: 'two' }];
    expect(prompts).toEqual([{ messages: [user] }, { messages: second }]);
    expect(state().turns).toEqual([...second.slice(1), { role: 'assistant', content: 'answer 4' }]);
    expect(state()).toMatchObject({ asked: null, text: '', sent: { text: JSON.stringify({ messages: second }), tokens: 7 } });
    trial.newConversation();
    expect(state()).toMatchObject({ turns: [], sent: null, hasChat: false });
  });

  it('does not keep a message that was not answered, says why, and takes it once more', async () => {
    let fails = true;
    const { trial, state } = opened(() => {
      if (fails) throw new Error('The chat template took longer than 2 s and was stopped.');
      return 'yes';
    });
    expect(await trial.say('one', '', SAMPLING, null)).toBe(false);
    expect(state()).toMatchObject({ busy: false, turns: [], error: 'The chat template took longer than 2 s and was stopped.' });
    fails = false;
    expect(await trial.say('one', '', SAMPLING, null)).toBe(true);
    expect(state()).toMatchObject({ error: null, turns: [{ content: 'one' }, { content: 'yes' }] });
  });

  it('takes no second message before the first is answered', async () => {
    const { trial, prompts } = opened(() => '');
    const first = trial.say('one', '', SAMPLING, null);
    const others = [trial.say('two', '', SAMPLING, null), trial.write('three', SAMPLING, null)];
    trial.newConversation();
    expect(await Promise.all(others)).toEqual([false, undefined]);
    expect(await first).toBe(true);
    expect(prompts).toHaveLength(1);
    expect(trial.store.getState().turns).toHaveLength(2);
  });
});

describe('whether there is a chat template', () => {
  it('is known of the weights that were chosen last, whichever answer comes first', async () => {
    const answers = new Map<string | null, (has: boolean) => void>();
    const { trial, state } = opened(
      () => '',
      (arm) => new Promise((resolve) => answers.set(arm, resolve)),
    );
    const looks = [trial.lookAt(null), trial.lookAt('ra3')];
    answers.get('ra3')!(true);
    answers.get(null)!(false);
    await Promise.all(looks);
    expect(state().hasChat).toBe(true);
  });

  it('is none where it cannot be read, and the reason is said', async () => {
    const { trial, state } = opened(
      () => '',
      () => Promise.reject(new Error('no chat template named "default"')),
    );
    await trial.lookAt(null);
    expect(state()).toMatchObject({ hasChat: false, chatProblem: 'no chat template named "default"' });
  });
});
