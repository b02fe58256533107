// Jobs whose values may be more than a sandbox sends back. Its bound is for all values of a job: a call over it is run again in a job of its own, and
// where its value alone is over it, the call answers with a hash that is equal for equal values (Python's ==; nan equals nothing).
// Promises the outcome of the job as it was given, with such a hash in the place of a value that is too large.
// Who expects large values asks for _pack(call) with PACK in the source: what is large then comes as its hash at once, for equal values alike.
import type { CallOutcome, PythonJob, PythonOutcome, PythonSandbox } from './python.ts';

/** As runner.py names it. A program may raise one too; it then has a few more runs and the same verdict. */
const TOO_LARGE = /^_sandbox\.ValueTooLarge\b/;

/** Defines _digest(value) and _pack(value). */
export const PACK = `

def _digest(value):
    import hashlib, math, os

    whole, SEPARATOR = hashlib.sha256(), chr(0)

    def feed(v, update):
        if v is None:
            update(b'-')
        elif isinstance(v, complex) and v.imag != 0:
            update(b'j')
            feed(v.real, update)
            feed(v.imag, update)
        elif isinstance(v, complex):
            feed(v.real, update)
        elif isinstance(v, float) and not math.isfinite(v):
            update(b'?' + os.urandom(16) if v != v else repr(v).encode())
        elif isinstance(v, int) or isinstance(v, float) and v == int(v):
            update(b'n' + hex(int(v)).encode() + b',')
        elif isinstance(v, float):
            update(b'f' + v.hex().encode() + b',')
        elif isinstance(v, str):
            text = v.encode('utf-8', 'surrogatepass')
            update(b's%d:' % len(text) + text)
        elif isinstance(v, bytes):
            update(b'b%d:' % len(v) + v)
        elif isinstance(v, (list, tuple)):
            update(b'[%d:' % len(v) if isinstance(v, list) else b'(%d:' % len(v))
            feed_items(v, update)
        elif isinstance(v, (set, frozenset)):
            update(b'{%d:' % len(v) + b''.join(sorted(map(part, v))))
        elif isinstance(v, dict):
            update(b'<%d:' % len(v) + b''.join(sorted(part(k) + part(w) for k, w in v.items())))
        else:
            update(b'?' + os.urandom(16))

    def part(v):
        one = hashlib.sha256()
        feed(v, one.update)
        return one.digest()

    # texts at once, where a separator that none of them holds can stand between them
    def joined(texts):
        try:
            text = SEPARATOR.join(texts)
        except TypeError:
            return None
        return text if text.count(SEPARATOR) == max(len(texts) - 1, 0) else None

    def feed_items(v, update):
        kinds = set(map(type, v))
        for i in range(0, len(v), 10_000):
            piece = v[i : i + 10_000]
            if kinds <= {int, bool}:
                # as feed writes each, for a list of floats may equal it
                update(''.join(['n' + hex(n) + ',' for n in map(int, piece)]).encode())
                continue
            if kinds == {list} or kinds == {tuple}:
                texts = [joined(item) for item in piece]
                kind = '[' if kinds == {list} else '('
                texts = None if None in texts else [kind + ','.join(map(str, map(len, piece))), *texts]
            else:
                text = joined(piece)
                texts = None if text is None else [text]
            if texts is None:
                for item in piece:
                    feed(item, update)
            else:
                text = SEPARATOR.join(texts).encode('utf-8', 'surrogatepass')
                update(b't%d:' % len(text) + text)

    feed(value, whole.update)
    return ('the hash of a value too large to send', whole.hexdigest())

def _pack(value):
    # what is counted is the same for equal values: an integer that some float equals counts as that float
    left, waiting = 50_000, [value]
    while waiting:
        v = waiting.pop()
        if isinstance(v, (str, bytes)):
            left -= len(v) // 8
        elif isinstance(v, int):
            left -= v.bit_length() // 32 if v.bit_length() > 1100 else 0
        elif isinstance(v, dict):
            left -= 2 * len(v)
            waiting += [*v.keys(), *v.values()] if left >= 0 else []
        elif isinstance(v, (list, tuple, set, frozenset)):
            left -= len(v)
            waiting += v if left >= 0 else []
        if left < 0:
            return _digest(value)
    return value
`;

export async function runLarge(sandbox: PythonSandbox, job: PythonJob): Promise<PythonOutcome> {
  const calls = job.calls ?? [];
  const known: (CallOutcome | undefined)[] = calls.map(() => undefined);
  let open = calls.map((_, i) => i);
  let timeMs = 0;
  const run = async (part: number[], source: string, asked: (call: string) => string): Promise<PythonOutcome> => {
    const outcome = await sandbox.run({ ...job, source, calls: part.map((i) => asked(calls[i] as string)) });
    timeMs += outcome.timeMs;
    part.forEach((i, at) => {
      known[i] = outcome.calls[at];
    });
    return outcome;
  };
  for (;;) {
    let outcome = await run(open, job.source, (call) => call);
    const over = open.filter((i) => isTooLarge(known[i]));
    const first = over[0];
    // the first of a job has all of its room
    if (first !== undefined && first === open[0])
      outcome = await run([over.shift() as number], job.source + PACK, (call) => `_digest(${call})`);
    if (over.length === 0 || outcome.end !== 'finished') {
      const missing = known.findIndex((call) => call === undefined || isTooLarge(call));
      return { ...outcome, calls: (missing < 0 ? known : known.slice(0, missing)) as CallOutcome[], timeMs };
    }
    open = over;
  }
}

function isTooLarge(call: CallOutcome | undefined): boolean {
  return call !== undefined && !call.ok && TOO_LARGE.test(call.exception);
}
