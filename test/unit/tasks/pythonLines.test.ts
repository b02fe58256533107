// Steps of Python source: what belongs together stays together, and comments are told from strings that look like them.
import { describe, expect, it } from 'vitest';
import { pythonLines } from '../../../src/tasks/pythonLines.ts';

const texts = (source: string) => pythonLines(source).map(({ text }) => text);
const comments = (source: string) => pythonLines(source).map(({ comment }) => comment);

describe('pythonLines', () => {
  it('gives each line with its newline; blank lines belong to the one before, leading and trailing ones go', () => {
    expect(texts('\n\na = 1\r\n\n  \nb = 2\n\n')).toEqual(['a = 1\n\n\n', 'b = 2\n']);
    expect(texts('  \n')).toEqual([]);
  });
  it('knows comments at any depth, and none after code', () => {
    expect(comments('# one\nx = 1 # two\n  # three\n#')).toEqual([' one', null, ' three', '']);
  });
  it('keeps a string of several lines in one piece, whatever it holds', () => {
    const long = `s = """a\n# no comment\n\nit's "b"\n"""\n`;
    expect(texts(`${long}t = 1\n`)).toEqual([long, 't = 1\n']);
    const other = `s = '''a"""\n# b'''\n`;
    expect(texts(`${other}t = 1`)).toEqual([other, 't = 1\n']);
  });
  it('is not misled by quotes in comments, escaped quotes and strings that are not closed', () => {
    const lines = [`# it's """\n`, `a = 'it\\'s' # "\n`, `b = '\n`, 'c = 1\n'];
    expect(texts(lines.join(''))).toEqual(lines);
  });
  it('joins what a backslash continues, in code and in strings', () => {
    expect(texts('a = 1 + \\\n# 2\nb = 3')).toEqual(['a = 1 + \\\n# 2\n', 'b = 3\n']);
    expect(texts("a = 'x\\\n# y'\nb = 3")).toEqual(["a = 'x\\\n# y'\n", 'b = 3\n']);
  });
});
