// What a model is sent: a conversation by the template that came with it, rendered apart in a session, never beside it; the template goes with every copy of
// the model; a text ends at the ids of either configuration.
import { describe, expect, it } from 'vitest';
import { readBundleModels } from '../../../src/formats/bundleModels.ts';
import { fromBytes } from '../../../src/formats/byteSource.ts';
import type { DroppedModel } from '../../../src/formats/dropped.ts';
import { collect } from '../../../src/formats/outputFile.ts';
import type { GpuContext } from '../../../src/gpu/context.ts';
import { readModelFolder } from '../../../src/headless/files.ts';
import { endIds } from '../../../src/run/generateText.ts';
import { folderFiles } from '../../../src/run/modelFiles.ts';
import { chatTemplateOf } from '../../../src/run/promptText.ts';
import { Session } from '../../../src/run/session.ts';
import { writeBundle } from '../../../src/share/bundle.ts';
import { familyFolder } from '../../support/goldenFolder.ts';

const TEMPLATE = '{% for m in messages %}[{{ m.role }}] {{ m.content }}{% endfor %}';
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const given = await readModelFolder(familyFolder('llama2'));
const withFiles = (files: Record<string, string>): DroppedModel => ({
  ...given,
  tokenizerFiles: new Map([...given.tokenizerFiles, ...Object.entries(files).map(([name, text]) => [name, utf8(text)] as const)]),
});
const chatting = withFiles({ 'chat_template.jinja': TEMPLATE });
const MESSAGES = [{ role: 'user', content: 'hi' }];

/** A session whose texts are worked on by `asked`'s keeper. */
function sessionApart(asked: string[]) {
  return new Session(
    {} as GpuContext,
    () => Promise.reject(new Error('There is no GPU here.')),
    () => null,
    () => ({
      encode: async (texts, { addBos }) =>
        texts.map((text) => {
          asked.push(`encode ${text} ${addBos}`);
          return [7, 8];
        }),
      encodeContinuations: async (texts) => texts.map(() => []),
      renderChat: async (template) => {
        asked.push(template);
        return 'rendered';
      },
      close: () => undefined,
    }),
  );
}

describe('a session', () => {
  it('has templates rendered and their texts encoded apart, and puts nothing before what a template wrote', async () => {
    const asked: string[] = [];
    const session = sessionApart(asked);
    expect(await session.prompted(chatting, { messages: MESSAGES })).toEqual({ text: 'rendered', ids: [7, 8] });
    expect(await session.prompted(chatting, { text: 'hi' })).toEqual({ text: 'hi', ids: [7, 8] });
    expect(asked).toEqual([TEMPLATE, 'encode rendered false', 'encode hi true']);
  });

  it('lets the work on one model’s texts end before another’s takes its place', async () => {
    const session = new Session(
      {} as GpuContext,
      () => Promise.reject(new Error('There is no GPU here.')),
      () => null,
      () => {
        let isClosed = false;
        return {
          encode: async (texts) => {
            await new Promise((resolve) => setTimeout(resolve, 5));
            if (isClosed) throw new Error('closed under its work');
            return texts.map(() => [7, 8]);
          },
          encodeContinuations: async (texts) => texts.map(() => []),
          renderChat: async () => 'rendered',
          close: () => {
            isClosed = true;
          },
        };
      },
    );
    const [one, other] = [withFiles({}), withFiles({})];
    const asked = [one, other, one, other].map((folder, i) => session.prompted(folder, { text: `text ${i}` }));
    expect((await Promise.all(asked)).map(({ ids }) => ids)).toEqual(asked.map(() => [7, 8]));
  });

  it('renders no template where nothing could end it, and says what to do', async () => {
    const session = new Session({} as GpuContext, () => Promise.reject(new Error('There is no GPU here.')));
    await expect(session.prompted(chatting, { messages: MESSAGES })).rejects.toThrow('Give the prompt as plain text.');
    expect((await session.prompted(chatting, { text: 'hi' })).text).toBe('hi');
  });

  it('refuses a conversation with a model that has no template, and any text for one without a tokenizer', async () => {
    const session = sessionApart([]);
    const bare = withFiles({ 'tokenizer_config.json': '{}' });
    await expect(session.prompted(bare, { messages: MESSAGES })).rejects.toThrow('has no chat template');
    await expect(session.prompted({ ...given, tokenizer: null }, { text: 'hi' })).rejects.toThrow('no tokenizer.json');
  });
});

it('the template goes with a trained arm into its folder and a bundle, and out again', async () => {
  const folder = withFiles({
    'tokenizer_config.json': JSON.stringify({ bos_token: '<s>', chat_template: 'other' }),
    'chat_template.jinja': TEMPLATE,
  });
  const files: Record<string, Uint8Array> = {};
  for (const file of folderFiles(folder)) files[`model/ra3/${file.name}`] = await collect(file);
  expect(Object.keys(files)).toEqual(expect.arrayContaining(['model/ra3/tokenizer_config.json', 'model/ra3/chat_template.jinja']));
  const found = await readBundleModels(fromBytes('run.zip', writeBundle(files)), () => true);
  expect(chatTemplateOf(found.get('ra3') as DroppedModel)).toEqual(chatTemplateOf(folder));
  expect(chatTemplateOf(folder)?.template).toBe(TEMPLATE);
});

it('a text ends at the ids of config.json and of generation_config.json', () => {
  const own = given.config.eosIds;
  expect(endIds(withFiles({ 'generation_config.json': '{"eos_token_id": [5, 6]}' }))).toEqual([...own, 5, 6]);
  expect(endIds(withFiles({ 'generation_config.json': `{"eos_token_id": ${own[0]}}` }))).toEqual(own);
  expect(endIds(withFiles({ 'generation_config.json': '{"eos_token_id": null}' }))).toEqual(own);
  expect(endIds(given)).toEqual(own);
});
