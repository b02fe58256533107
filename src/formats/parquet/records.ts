// Rows put together from columns by their levels (the Dremel way): objects, lists and maps as deep as the schema has them. A null is null, an empty list is
// an empty list. Plain objects have no prototype, so that names like __proto__ are data; exact rows have maps.
// Refuses (RangeError) columns whose levels contradict each other.
import type { Column } from './columnChunk.ts';
import type { Field } from './schema.ts';

export interface Cells {
  column: Column;
  /** Next entry and next value. */
  at: number;
  valueAt: number;
  maxDefinition: number;
}

/** The field's value in the next row, taken from its columns. */
export function readField(field: Field, cells: readonly Cells[], exact: boolean): unknown {
  switch (field.kind) {
    case 'leaf': {
      const cell = cells[field.columns[0]!]!;
      const isThere = definitionOf(cell) === cell.maxDefinition;
      cell.at++;
      return isThere ? cell.column.values[cell.valueAt++] : null;
    }
    case 'object': {
      if (isAbsent(field, field.at, cells)) return null;
      if (exact) {
        const entries = new Map<string, unknown>();
        for (const child of field.fields) entries.set(child.name, readField(child, cells, exact));
        return entries;
      }
      const object: Record<string, unknown> = Object.create(null);
      for (const child of field.fields) object[child.name] = readField(child, cells, exact);
      return object;
    }
    case 'list': {
      const items: unknown[] = [];
      return readItems(field, cells, () => void items.push(readField(field.item, cells, exact))) ? items : null;
    }
    case 'map': {
      const entries = new Map<string, unknown>();
      const isThere = readItems(field, cells, () => {
        const key = readField(field.key, cells, false);
        entries.set(typeof key === 'string' ? key : JSON.stringify(key), readField(field.value, cells, exact));
      });
      if (!isThere) return null;
      if (exact) return entries;
      const object: Record<string, unknown> = Object.create(null);
      for (const [key, value] of entries) object[key] = value;
      return object;
    }
  }
}

/** Calls \`take\` for every item; false where there is no list, which is not an empty one. */
function readItems(field: Field & { kind: 'list' | 'map' }, cells: readonly Cells[], take: () => void): boolean {
  const first = cells[field.columns[0]!]!;
  const definition = definitionOf(first);
  if (definition < field.filledAt) {
    pass(field, field.filledAt, cells);
    return definition >= field.at;
  }
  for (let more = true; more; ) {
    take();
    more = repetitionOf(first) === field.repetition;
    for (const i of field.columns)
      if ((repetitionOf(cells[i]!) === field.repetition) !== more) throw new RangeError('lists of different lengths');
  }
  return true;
}

function isAbsent(field: Field, from: number, cells: readonly Cells[]): boolean {
  if (definitionOf(cells[field.columns[0]!]!) >= from) return false;
  pass(field, from, cells);
  return true;
}

/** Over the one entry that each column has for what is not there. */
function pass(field: Field, from: number, cells: readonly Cells[]): void {
  for (const i of field.columns) {
    const cell = cells[i]!;
    if (definitionOf(cell) >= from) throw new RangeError('columns that do not agree on what is there');
    cell.at++;
  }
}

function definitionOf({ at, column, maxDefinition }: Cells): number {
  if (at >= column.count) throw new RangeError('fewer entries than rows');
  return column.definitions ? column.definitions[at]! : maxDefinition;
}

/** 0 after the last entry: then a row begins, or nothing. */
export function repetitionOf({ at, column }: Cells): number {
  return column.repetitions && at < column.count ? column.repetitions[at]! : 0;
}
