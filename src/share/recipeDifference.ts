// The difference of two recipes as a nested object of changed values, and back. Arrays and the task are replaced whole.
// applyDifference walks the keys of the base alone, so a difference from outside cannot name a prototype.
// Refuses (by returning its path) a key that the base does not have, and null as a value: recipes have none.

type Tree = Record<string, unknown>;

/** Keys whose value is one of several forms and is never merged. */
const WHOLE = ['task'];

export function recipeDifference(base: Tree, recipe: Tree): Tree {
  const changed: Tree = {};
  for (const key of Object.keys(base)) {
    const from = base[key];
    const to = recipe[key];
    if (isTree(from) && isTree(to) && !WHOLE.includes(key)) {
      const inner = recipeDifference(from, to);
      if (Object.keys(inner).length > 0) changed[key] = inner;
    } else if (JSON.stringify(from) !== JSON.stringify(to)) changed[key] = to;
  }
  return changed;
}

/** A new object; or the path of the first key that `base` has not, of a value where `base` has an object, or of a null ('' for `changed` itself). */
export function applyDifference(base: Tree, changed: unknown): { result: Tree } | { misfit: string } {
  if (!isTree(changed)) return { misfit: '' };
  const result: Tree = { ...base };
  for (const key of Object.keys(changed)) {
    const value = changed[key];
    if (!Object.hasOwn(base, key) || value === null) return { misfit: key };
    const from = base[key];
    if (!isTree(from) || WHOLE.includes(key)) {
      result[key] = value;
      continue;
    }
    const inner = applyDifference(from, value);
    if ('misfit' in inner) return { misfit: inner.misfit === '' ? key : `${key}.${inner.misfit}` };
    result[key] = inner.result;
  }
  return { result };
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
