// Chat templates: the same text as transformers', found wherever a model's files keep them, refusal of what cannot be rendered.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type ChatMessage, readChatTemplate, renderChat } from '../../../src/formats/chatTemplate.ts';
import { FormatError } from '../../../src/formats/formatError.ts';

const golden = JSON.parse(readFileSync(new URL('../../golden/chat.json', import.meta.url), 'utf8')) as {
  templates: Record<string, string>;
  conversations: Record<string, ChatMessage[]>;
  tools: unknown[];
  cases: { template: string; conversation: string; generate: boolean; text?: string; error?: string }[];
};

describe.each(Object.keys(golden.templates))('in the style of %s', (template) => {
  test.each(golden.cases.filter((each) => each.template === template))(
    '$conversation, generate $generate',
    ({ conversation, generate, text }) => {
      const options = { addGenerationPrompt: generate, bos: '<s>', eos: '</s>', tools: conversation === 'tools' ? golden.tools : null };
      const render = () => renderChat(golden.templates[template]!, golden.conversations[conversation]!, options);
      if (text === undefined) expect(render).toThrow(FormatError);
      else expect(render()).toBe(text);
    },
  );
});

describe('where templates are kept', () => {
  const config = (value: unknown) => JSON.stringify(value);

  test('a text, a list with one for tools, a file of its own that wins', () => {
    expect(readChatTemplate({ tokenizerConfigJson: config({ chat_template: 'x', bos_token: '<s>' }), chatTemplateJinja: null })).toEqual({
      template: 'x',
      toolTemplate: null,
      bos: '<s>',
      eos: null,
    });
    const list = [
      { name: 'tool_use', template: 't' },
      { name: 'default', template: 'd' },
    ];
    const files = { tokenizerConfigJson: config({ chat_template: list, eos_token: { content: '</s>' } }), chatTemplateJinja: null };
    expect(readChatTemplate(files)).toEqual({ template: 'd', toolTemplate: 't', bos: null, eos: '</s>' });
    expect(readChatTemplate({ ...files, chatTemplateJinja: 'j' })).toMatchObject({ template: 'j', eos: '</s>' });
    expect(readChatTemplate({ tokenizerConfigJson: null, chatTemplateJinja: 'j' })).toMatchObject({ template: 'j', bos: null });
  });

  test('none at all', () => {
    expect(readChatTemplate({ tokenizerConfigJson: null, chatTemplateJinja: null })).toBeNull();
    expect(readChatTemplate({ tokenizerConfigJson: '{}', chatTemplateJinja: null })).toBeNull();
  });

  test.each([
    ['[]', /JSON object/],
    ['{', /not valid JSON/],
    [config({ chat_template: [{ name: 'rag', template: 'x' }] }), /no chat template named "default" among "rag"/],
    [config({ chat_template: [{ name: 1 }] }), /needs a name and a template/],
  ])('refused: %s', (tokenizerConfigJson, message) => {
    expect(() => readChatTemplate({ tokenizerConfigJson, chatTemplateJinja: null })).toThrow(FormatError);
    expect(() => readChatTemplate({ tokenizerConfigJson, chatTemplateJinja: null })).toThrow(message);
  });
});

test.each([
  '{% for',
  '{{ messages | unheard }}',
  '{{ raise_exception("no") }}',
  '{% include "x" %}',
  '{{ messages[0].content.unheard() }}',
  `${'{% if true %}'.repeat(5000)}`,
  `{{ ${'('.repeat(20_000)}1${')'.repeat(20_000)} }}`,
  'x'.repeat(1_000_001),
])('a template that cannot be used is refused with FormatError alone', (template) => {
  expect(() => renderChat(template, [{ role: 'user', content: 'a' }], { addGenerationPrompt: true })).toThrow(FormatError);
});

test('templates see nothing but what they are given', () => {
  const render = (template: string) => renderChat(template, [{ role: 'user', content: 'a' }], { addGenerationPrompt: true });
  expect(
    render(
      '{{ constructor is defined }} {{ globalThis is defined }} {{ process is defined }} {{ bos_token is defined }} {{ tools is none }}',
    ),
  ).toMatch(/^false false false false true$/i);
  for (const template of [
    '{{ messages.constructor }}',
    "{{ ''.constructor.constructor('return 1')() }}",
    "{{ messages[0]['__proto__'] }}",
  ]) {
    let out = '';
    try {
      out = render(template);
    } catch (error) {
      expect(error).toBeInstanceOf(FormatError);
    }
    expect(out).not.toMatch(/function|native|\[object|1/);
  }
});
