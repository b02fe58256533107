// The difference of two recipes as a nested object of changed values, and back. Arrays and the task are replaced whole.
// applyDifference walks the keys of the base alone, so a difference from outside cannot name a prototype.
// Refuses (by returning null) keys that the base does not have, and null as a value: recipes have none.

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

/** A new object; null when `changed` has a key that `base` has not, a value where `base` has an object, or a null. */
export function applyDifference(base: Tree, changed: unknown): Tree | null {
  if (!isTree(changed)) return null;
  const result: Tree = { ...base };
  for (const key of Object.keys(changed)) {
    if (!Object.hasOwn(base, key)) return null;
    const from = base[key];
    const value = isTree(from) && !WHOLE.includes(key) ? applyDifference(from, changed[key]) : changed[key];
    if (value === null) return null;
    result[key] = value;
  }
  return result;
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
