// Lines of Python source as the steps of a program: what goes on within a string or after a backslash belongs to the line before it, as blank lines do.
// Pure, and no parser: strings, comments and backslashes are all that it knows. Refuses nothing.

export interface SourceLine {
  /** With its newline, and all that belongs to it. */
  text: string;
  /** What stands after the "#" where the line is a comment and nothing else. */
  comment: string | null;
}

/** Leading and trailing blank lines are left out. */
export function pythonLines(source: string): SourceLine[] {
  const out: SourceLine[] = [];
  let within: string | null = null; // the quotes that end the string which the line begins in
  let continues = false;
  for (const line of source.replace(/\r\n?/g, '\n').trimEnd().split('\n')) {
    const before = out.at(-1);
    const goesOn = within !== null || continues;
    const blank = !goesOn && line.trim() === '';
    const comment = goesOn ? null : /^\s*#(.*)$/.exec(line);
    if ((goesOn || blank) && before) before.text += blank ? '\n' : `${line}\n`;
    else if (!blank) out.push({ text: `${line}\n`, comment: comment?.[1] ?? null });
    ({ within, continues } = scan(line, within));
  }
  return out;
}

/** The state after a line that began in the state `within`. */
function scan(line: string, within: string | null): { within: string | null; continues: boolean } {
  let quotes = within;
  for (let i = 0; i < line.length; i++) {
    const c = line[i] as string;
    if (c === '\\') {
      i += 1;
      // a backslash is the last character: the next line belongs to this one, and to its string
      if (i >= line.length) return { within: quotes, continues: true };
    } else if (quotes !== null) {
      if (line.startsWith(quotes, i)) {
        i += quotes.length - 1;
        quotes = null;
      }
    } else if (c === '#') break;
    else if (c === '"' || c === "'") {
      quotes = line.startsWith(c.repeat(3), i) ? c.repeat(3) : c;
      i += quotes.length - 1;
    }
  }
  // a string of single quotes ends with its line, closed or not
  return { within: quotes?.length === 3 ? quotes : null, continues: false };
}
