import { expect, it } from 'vitest';
import { basePrompt, cleanCompletion } from '../../../src/tasks/basePrompts.ts';

it('HumanEval is asked and cut as bigcode does it', () => {
  const { text, stop } = basePrompt({ suite: 'humaneval', prompt: '\ndef f():\n    """ one """\n' });
  expect(text).toBe('def f():\n    """ one """');
  expect(stop).toEqual(['\nclass', '\ndef', '\n#', '\n@', '\nprint', '\nif', '\n```']);
  expect(cleanCompletion('humaneval', '\n    return 1\nprint(f())\ndef g(): pass')).toBe('\n    return 1');
});

it('EvalPlus suites end their prompt with a newline and have spaces for tabs', () => {
  expect(basePrompt({ suite: 'mbpp-plus', prompt: '"""\nOne.\n"""\n' }).text).toBe('"""\nOne.\n"""\n');
  expect(cleanCompletion('mbpp-plus', 'def f():\n\treturn 1\nassert f()')).toBe('def f():\n    return 1');
  expect(cleanCompletion('humaneval-plus', '    return 1\n\ndef g(): pass')).toBe('    return 1\n');
});

it('programs that read standard input may print and branch', () => {
  expect(cleanCompletion('codeforces', 'n = input()\nif n:\n    pass\nprint(n)\n"""\nmore')).toBe('n = input()\nif n:\n    pass\nprint(n)');
});
