// Options of the command line as checked values. Everything wrong is one InputError with one sentence, which ends the program with code 2.
import { parseArgs } from 'node:util';

export class InputError extends Error {
  override name = 'InputError';
}

export type Options = Record<string, string | boolean | undefined>;

/** `--name value` and `--flag` options of a verb; `flags` take no value, `repeated` may be given several times. Throws InputError on anything else. */
export function readOptions(
  verb: string,
  argv: readonly string[],
  values: readonly string[],
  flags: readonly string[],
  positionals = 0,
  repeated: readonly string[] = [],
): { options: Options; rest: string[]; lists: Record<string, string[]> } {
  const options = Object.fromEntries([
    ...values.map((n) => [n, { type: 'string' as const }]),
    ...repeated.map((n) => [n, { type: 'string' as const, multiple: true }]),
    ...flags.map((n) => [n, { type: 'boolean' as const }]),
  ]);
  try {
    const parsed = parseArgs({ args: [...argv], options, allowPositionals: positionals > 0, strict: true });
    if (parsed.positionals.length > positionals) throw new InputError(`${verb} takes no argument "${parsed.positionals[positionals]}".`);
    const given = Object.entries(parsed.values);
    return {
      options: Object.fromEntries(given.filter(([, value]) => !Array.isArray(value))) as Options,
      lists: Object.fromEntries(given.filter(([, value]) => Array.isArray(value))) as Record<string, string[]>,
      rest: parsed.positionals,
    };
  } catch (e) {
    if (e instanceof InputError) throw e;
    throw new InputError(`${verb}: ${(e as Error).message.split('. ')[0]?.replace(/\.$/, '')}.`);
  }
}

export function text(options: Options, name: string): string {
  const value = options[name];
  if (typeof value !== 'string' || value === '') throw new InputError(`--${name} is missing.`);
  return value;
}

export function number(options: Options, name: string, limits: { lo: number; hi: number; integer?: boolean }, fallback?: number): number {
  const value = options[name];
  if (value === undefined && fallback !== undefined) return fallback;
  const n = Number(text(options, name));
  if (!Number.isFinite(n) || n < limits.lo || n > limits.hi || (limits.integer && !Number.isInteger(n)))
    throw new InputError(
      `--${name} is "${value}"; it must be ${limits.integer ? 'an integer' : 'a number'} from ${limits.lo} to ${limits.hi}.`,
    );
  return n;
}

/** A JSON array of token ids. */
export function tokenIds(value: unknown, where: string, vocabulary: number): number[] {
  if (!Array.isArray(value) || value.length === 0) throw new InputError(`${where} must be a JSON array of at least one token id.`);
  for (const id of value) {
    if (!Number.isInteger(id) || id < 0 || id >= vocabulary)
      throw new InputError(`${where} holds ${JSON.stringify(id)}; token ids are integers from 0 to ${vocabulary - 1}.`);
  }
  return value as number[];
}
