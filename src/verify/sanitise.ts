// EvalPlus's clean-up of a generated program (evalplus/sanitize.py), with Python's `ast` in the place of tree-sitter: the longest run of lines that is
// Python, and of it the imports and what the tested function needs. Runs in the sandbox; a text for which that takes too long stays as it is.
import { pythonString } from '../formats/exactJson.ts';
import type { PythonSandbox } from './python.ts';

const SANITISE_MS = 10_000;

const SANITISER = `
import ast

def parses(text):
    try:
        ast.parse(text)
        return True
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False

def extract(text):
    lines = text.split('\\n')
    if len(lines) > 1 and parses(text):
        return text
    best, found = 0, (0, 0)
    for i in range(len(lines)):
        for j in range(len(lines) - 1, i, -1):
            size = sum(1 for line in lines[i : j + 1] if line.strip())
            if size <= best:
                break
            if parses('\\n'.join(lines[i : j + 1])):
                best, found = size, (i, j)
                break
    return '\\n'.join(lines[found[0] : found[1] + 1])

def names_in(node):
    for each in ast.walk(node):
        for field in ('id', 'attr', 'arg', 'name'):
            value = getattr(each, field, None)
            if isinstance(value, str):
                yield value

def definitions(body):
    seen = set()
    for node in body:
        name = None
        if isinstance(node, ast.ClassDef):
            name = node.name
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            # tree-sitter has another node for what is decorated
            if not node.decorator_list and any(isinstance(each, ast.Return) for each in ast.walk(node)):
                name = node.name
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            name = target.id if isinstance(target, ast.Name) else None
        if name is not None and name not in seen:
            seen.add(name)
            yield name, node

def sanitise(text, entry):
    code = extract(text)
    if not parses(code):
        return code
    body = ast.parse(code).body
    known = list(definitions(body))
    needs = {name: set(names_in(node)) for name, node in known}
    reached, queue = {entry}, [entry]
    while queue:
        for name in needs.get(queue.pop(), ()):
            if name not in reached:
                reached.add(name)
                queue.append(name)
    kept = [node for node in body if isinstance(node, (ast.Import, ast.ImportFrom))]
    kept += [node for name, node in known if name in reached]
    return '\\n'.join(ast.get_source_segment(code, node) for node in kept).strip() or code
`;

export async function sanitise(sandbox: PythonSandbox, program: string, entryPoint: string): Promise<string> {
  const { calls } = await sandbox.run({
    source: SANITISER,
    calls: [`sanitise(${pythonString(program)}, ${pythonString(entryPoint)})`],
    deadlineMs: SANITISE_MS,
  });
  const call = calls[0];
  return call?.ok && call.value.t === 'str' ? call.value.v : program;
}
