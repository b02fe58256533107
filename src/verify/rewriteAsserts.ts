// Assert statements taken apart with Python's own `ast`: what the program under test has to be asked (a call), and what the answer must be (a value), so
// that the value never enters the interpreter in which the program runs. The Python below runs in a job of its own, without the program.
// What it cannot take apart is left as a weak test: judged where the program runs, which could cheat there.
import { pythonString } from '../formats/exactJson.ts';
import type { PythonProblem } from '../tasks/pythonProblems.ts';
import type { PythonSandbox, PythonValue } from './python.ts';

/** How a call's value is judged. `weak`: in the program's own interpreter. */
export type Expectation =
  | { kind: 'equal' | 'not equal' | 'is' | 'is not'; value: PythonValue }
  | { kind: 'in'; values: PythonValue[] }
  | { kind: 'true' | 'false' }
  /** abs(value - expected) < tolerance, or <=. */
  | { kind: 'near'; value: PythonValue; tolerance: PythonValue; orEqual: boolean }
  | { kind: 'isclose'; value: PythonValue; relative: PythonValue; absolute: PythonValue }
  /** The call does all of the test: it holds where the call gives True, or (check functions) where it raises nothing. */
  | { kind: 'weak'; holdsWhen: 'true' | 'ends' };

export interface CallTest {
  /** Evaluated in the program's namespace. */
  call: string;
  expectation: Expectation;
  /** The test as a person reads it. */
  text: string;
}

export interface RewrittenTests {
  /** Python that runs after the program and before the calls. */
  setup: string;
  tests: CallTest[];
}

const REWRITE_MS = 10_000;

const REWRITER = String.raw`
import ast

class Rewriter:
    def __init__(self, setup, entry, stands_for):
        self.entry, self.stands_for = entry, stands_for
        self.setup, self.out = [setup] if setup.strip() else [], []
        self.space, self.weak_setup = {}, False
        self.run(setup)

    def run(self, source):
        try:
            exec(source, self.space)
        except BaseException:
            self.weak_setup = True

    def rename(self, node):
        if self.stands_for:
            for each in ast.walk(node):
                if isinstance(each, ast.Name) and each.id == self.stands_for:
                    each.id = self.entry
        return node

    def asks(self, node):
        return any(isinstance(each, ast.Name) and each.id == self.entry for each in ast.walk(node))

    def value(self, node):
        return eval(compile(ast.Expression(node), '<expected>', 'eval'), dict(self.space))

    def test(self, node, text):
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
            for part in node.values:
                self.test(part, ast.unparse(part))
            return
        try:
            found = None if self.weak_setup else self.strong(node)
        except BaseException:
            found = None
        if found == ():
            return
        weak = 'bool(' + ast.unparse(node) + ')'
        self.out.append((*(found or ('weak true', weak)), weak, text))

    def strong(self, node):
        """(kind, call, ...), () for a test that always holds, or None."""
        if not self.asks(node):
            return () if self.value(node) else None
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            if isinstance(node.operand, (ast.Call, ast.Name, ast.Subscript)) and not self.special(node.operand):
                return ('false', ast.unparse(node.operand))
            return None
        if isinstance(node, ast.Call):
            return self.isclose(node) if self.special(node) else ('true', ast.unparse(node))
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            return self.compare(node.left, node.ops[0], node.comparators[0])
        return None

    def compare(self, left, op, right):
        if isinstance(op, (ast.Lt, ast.LtE)):
            return self.near(left, op, right)
        if isinstance(op, (ast.Eq, ast.NotEq)) and self.asks(right) and not self.asks(left):
            left, right = right, left
        if self.asks(right) or not self.asks(left):
            return None
        kinds = {ast.Eq: 'equal', ast.NotEq: 'not equal', ast.Is: 'is', ast.IsNot: 'is not', ast.In: 'in'}
        kind = kinds.get(type(op))
        if kind is None:
            return None
        value = self.value(right)
        if kind == 'in':
            if not isinstance(value, (list, tuple, set, frozenset)):
                return None
            value = list(value)
        if kind in ('is', 'is not') and not (value is None or value is True or value is False):
            return None
        return (kind, ast.unparse(left), value)

    def two(self, left, right):
        """The side that asks, and the other's value."""
        if self.asks(left) and not self.asks(right):
            return ast.unparse(left), self.value(right)
        if self.asks(right) and not self.asks(left):
            return ast.unparse(right), self.value(left)
        raise ValueError

    def near(self, left, op, right):
        absolute = isinstance(left, ast.Call) and ast.unparse(left.func) in ('abs', 'math.fabs', 'fabs')
        if not absolute or len(left.args) != 1 or left.keywords or self.asks(right):
            return None
        inner = left.args[0]
        if not (isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Sub)):
            return None
        call, value = self.two(inner.left, inner.right)
        return ('near', call, value, self.value(right), isinstance(op, ast.LtE))

    def special(self, node):
        return isinstance(node, ast.Call) and ast.unparse(node.func) in ('math.isclose', 'isclose')

    def isclose(self, node):
        options = {each.arg: each.value for each in node.keywords}
        if len(node.args) != 2 or set(options) - {'rel_tol', 'abs_tol'}:
            return None
        call, value = self.two(*node.args)
        relative = self.value(options['rel_tol']) if 'rel_tol' in options else 1e-09
        absolute = self.value(options['abs_tol']) if 'abs_tol' in options else 0.0
        return ('isclose', call, value, relative, absolute)


def rewrite_asserts(setup, tests, entry):
    rewriter = Rewriter(setup, entry, None)
    weak = []
    for text in tests:
        text = text.strip()
        try:
            body = ast.parse(text).body
        except BaseException:
            weak.append(text)
            continue
        imports = [each for each in body if isinstance(each, (ast.Import, ast.ImportFrom))]
        asserts = [each for each in body if isinstance(each, ast.Assert)]
        if len(imports) + len(asserts) < len(body):
            weak.append(text)
            continue
        for each in imports:
            source = ast.unparse(each)
            rewriter.setup.append(source)
            rewriter.run(source)
        for each in asserts:
            rewriter.test(each.test, ast.unparse(each.test) if len(asserts) > 1 else text)
    # whole texts that are more than asserts: a function each, called once
    for i, text in enumerate(weak):
        name = '_weak_test_%d' % i
        rewriter.setup.append('def %s():\n    exec(%r, globals())' % (name, text))
        rewriter.out.append(('weak ends', name + '()', '', text))
    return '\n'.join(rewriter.setup), rewriter.out


def rewrite_check(source, entry):
    whole = (source, [('weak ends', 'check(' + entry + ')', '', 'check(' + entry + ')')])
    try:
        body = ast.parse(source).body
    except BaseException:
        return whole
    checks = [each for each in body if isinstance(each, ast.FunctionDef) and each.name == 'check']
    if len(checks) != 1 or len(checks[0].args.args) != 1:
        return whole
    rest = '\n'.join(ast.unparse(each) for each in body if each is not checks[0])
    rewriter = Rewriter(rest, entry, checks[0].args.args[0].arg)
    for each in checks[0].body:
        rewriter.rename(each)
        if isinstance(each, ast.Assert):
            rewriter.test(each.test, 'assert ' + ast.unparse(each.test))
        elif isinstance(each, (ast.Import, ast.ImportFrom)):
            rewriter.setup.append(ast.unparse(each))
            rewriter.run(ast.unparse(each))
        elif not (isinstance(each, ast.Pass) or isinstance(each, ast.Expr) and not rewriter.asks(each)):
            return whole
    return '\n'.join(rewriter.setup), rewriter.out
`;

/** For problems with asserts or a check function. Every test comes out, weak where it has to be. */
export async function rewriteTests(sandbox: PythonSandbox, problem: PythonProblem): Promise<RewrittenTests> {
  const { tests, setup } = problem;
  const entry = problem.entryPoint ?? '';
  let call: string;
  if (tests.kind === 'asserts')
    call = `rewrite_asserts(${pythonString(setup)}, [${tests.asserts.map(pythonString).join(', ')}], ${pythonString(entry)})`;
  else if (tests.kind === 'check') call = `rewrite_check(${pythonString(tests.source)}, ${pythonString(entry)})`;
  else throw new TypeError(`Tests of the kind "${tests.kind}" are no asserts.`);
  const { calls } = await sandbox.run({ source: REWRITER, calls: [call], deadlineMs: REWRITE_MS });
  const answer = calls[0]?.ok ? partsOf(calls[0].value) : [];
  const rewritten = answer[1] ? partsOf(answer[1]).map(testOf) : null;
  return rewritten === null ? asTheyAre(problem) : { setup: textOf(answer[0]), tests: rewritten };
}

/** Where the rewriting itself failed (a setup that never ends, values too large): the official program, as one weak test. */
function asTheyAre({ tests, setup, entryPoint }: PythonProblem): RewrittenTests {
  if (tests.kind === 'check') return { setup: tests.source, tests: [weakTest(`check(${entryPoint})`)] };
  const asserts = tests.kind === 'asserts' ? tests.asserts : [];
  const body = `def _weak_tests():\n    exec(${pythonString(asserts.join('\n'))}, globals())`;
  return { setup: `${setup}\n${body}`, tests: [weakTest('_weak_tests()')] };
}

const weakTest = (call: string): CallTest => ({ call, expectation: { kind: 'weak', holdsWhen: 'ends' }, text: call });

function testOf(value: PythonValue): CallTest {
  const parts = partsOf(value);
  const call = textOf(parts[1]);
  const text = textOf(parts.at(-1));
  const kind = textOf(parts[0]);
  const weak: CallTest = { call: textOf(parts.at(-2)), expectation: { kind: 'weak', holdsWhen: 'true' }, text };
  const expected = parts[2] as PythonValue;
  switch (kind) {
    case 'true':
    case 'false':
      return { call, text, expectation: { kind } };
    case 'equal':
    case 'not equal':
    case 'is':
    case 'is not':
      // what is no plain data cannot be compared outside
      return isPlain(expected) ? { call, text, expectation: { kind, value: expected } } : weak;
    case 'in':
      return isPlain(expected) ? { call, text, expectation: { kind, values: partsOf(expected) } } : weak;
    case 'near':
      return { call, text, expectation: { kind, value: expected, tolerance: parts[3] as PythonValue, orEqual: isTrue(parts[4]) } };
    case 'isclose':
      return { call, text, expectation: { kind, value: expected, relative: parts[3] as PythonValue, absolute: parts[4] as PythonValue } };
    case 'weak true':
      return { call, text, expectation: { kind: 'weak', holdsWhen: 'true' } };
    default:
      return { call, text, expectation: { kind: 'weak', holdsWhen: 'ends' } };
  }
}

function partsOf(value: PythonValue | undefined): PythonValue[] {
  return value?.t === 'list' || value?.t === 'tuple' ? value.v : [];
}

const textOf = (value: PythonValue | undefined): string => (value?.t === 'str' ? value.v : '');
const isTrue = (value: PythonValue | undefined): boolean => value?.t === 'bool' && value.v;

function isPlain(value: PythonValue): boolean {
  if (value.t === 'other') return false;
  if (value.t === 'dict') return value.v.every(([key, item]) => isPlain(key) && isPlain(item));
  return value.t === 'list' || value.t === 'tuple' || value.t === 'set' || value.t === 'frozenset' ? value.v.every(isPlain) : true;
}
