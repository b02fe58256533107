// The columns of a Parquet file as a tree of fields: values, objects, lists and maps, each with the levels at which it is there.
// Lists and maps are told as the format's rules for readers say, those of older writers included.
// Refuses (FormatError) trees that do not add up, are deeper than MAX_DEPTH or wider than MAX_COLUMNS, and two fields of one name side by side.
import { FormatError, quote } from '../formatError.ts';
import type { Kind, ThriftReader } from './thrift.ts';

const MAX_DEPTH = 24;
/** Places of a decimal. */
const MAX_SCALE = 100;
export const MAX_COLUMNS = 2000;

const PHYSICAL = ['BOOLEAN', 'INT32', 'INT64', 'INT96', 'FLOAT', 'DOUBLE', 'BYTE_ARRAY', 'FIXED_LEN_BYTE_ARRAY'] as const;
export type Physical = (typeof PHYSICAL)[number];

/** What the values of a column stand for. */
export type Meaning =
  | { is: 'text' | 'list' | 'map' | 'date' | 'unsigned' | 'uuid' | 'float16' | 'bytes' | 'plain' }
  | { is: 'decimal'; scale: number }
  | { is: 'time' | 'timestamp'; perSecond: number; utc: boolean };

export interface Leaf {
  /** Names from the root, for messages. */
  path: string[];
  physical: Physical;
  /** Of FIXED_LEN_BYTE_ARRAY, in bytes. */
  width: number;
  meaning: Meaning;
  maxDefinition: number;
  maxRepetition: number;
}

/** Of a field: `at` is the definition level from which on it is there; `columns` are the positions of its leaves. */
export type Field = { name: string; at: number; columns: number[] } & (
  | { kind: 'leaf' }
  | { kind: 'object'; fields: Field[] }
  /** `filledAt`: the definition level from which on it has an item; `repetition`: that of its second item. */
  | { kind: 'list'; filledAt: number; repetition: number; item: Field }
  | { kind: 'map'; filledAt: number; repetition: number; key: Field; value: Field }
);

export interface Schema {
  fields: Field[];
  leaves: Leaf[];
}

interface Element {
  name: string;
  physical: number | null;
  width: number;
  repetition: number;
  children: number;
  converted: number | null;
  logical: Meaning | null;
  scale: number;
}

const [OPTIONAL, REPEATED] = [1, 2];

/** Reads the list of schema elements of a footer. */
export function readSchema(reader: ThriftReader, kind: Kind, file: string): Schema {
  const elements: Element[] = [];
  reader.list(kind, () => {
    if (elements.length > 2 * MAX_COLUMNS) throw tooWide(file);
    elements.push(readElement(reader));
  });
  return treeOf(elements, file);
}

function readElement(reader: ThriftReader): Element {
  const element: Element = { name: '', physical: null, width: 0, repetition: 0, children: 0, converted: null, logical: null, scale: 0 };
  reader.struct((id, kind) => {
    if (id === 1) element.physical = reader.integer(kind);
    else if (id === 2) element.width = reader.integer(kind);
    else if (id === 3) element.repetition = reader.integer(kind);
    else if (id === 4) element.name = reader.text(kind);
    else if (id === 5) element.children = reader.integer(kind);
    else if (id === 6) element.converted = reader.integer(kind);
    else if (id === 7) element.scale = reader.integer(kind);
    else if (id === 10) element.logical = readLogical(reader);
    else return false;
    return true;
  });
  return element;
}

const LOGICAL: Record<number, Meaning> = {
  1: { is: 'text' },
  2: { is: 'map' },
  3: { is: 'list' },
  4: { is: 'text' },
  6: { is: 'date' },
  12: { is: 'text' },
  14: { is: 'uuid' },
  15: { is: 'float16' },
};
const PER_SECOND = [0, 1000, 1e6, 1e9];

function readLogical(reader: ThriftReader): Meaning | null {
  let meaning: Meaning | null = null;
  reader.struct((id) => {
    if (id === 5) meaning = readDecimal(reader);
    else if (id === 7) meaning = { is: 'time', ...readUnit(reader) };
    else if (id === 8) meaning = { is: 'timestamp', ...readUnit(reader) };
    else if (id === 10) meaning = readInteger(reader);
    else {
      meaning = LOGICAL[id] ?? null;
      return false;
    }
    return true;
  });
  return meaning;
}

function readDecimal(reader: ThriftReader): Meaning {
  let scale = 0;
  reader.struct((id, kind) => {
    if (id === 1) scale = reader.integer(kind);
    return id === 1;
  });
  return { is: 'decimal', scale };
}

function readUnit(reader: ThriftReader): { perSecond: number; utc: boolean } {
  const unit = { perSecond: 1000, utc: false };
  const takeUnit = (id: number): boolean => {
    unit.perSecond = PER_SECOND[id] ?? 1000;
    return false;
  };
  reader.struct((id, kind) => {
    if (id === 1) unit.utc = reader.boolean(kind);
    else if (id === 2) reader.struct(takeUnit);
    else return false;
    return true;
  });
  return unit;
}

function readInteger(reader: ThriftReader): Meaning {
  let signed = true;
  reader.struct((id, kind) => {
    if (id === 2) signed = reader.boolean(kind);
    return id === 2;
  });
  return { is: signed ? 'plain' : 'unsigned' };
}

function meaningOf({ logical, converted, physical, scale }: Element): Meaning {
  if (logical) return logical;
  switch (converted) {
    case 0:
    case 4:
    case 19:
      return { is: 'text' };
    case 1:
    case 2:
      return { is: 'map' };
    case 3:
      return { is: 'list' };
    case 5:
      return { is: 'decimal', scale };
    case 6:
      return { is: 'date' };
    case 7:
    case 8:
      return { is: 'time', perSecond: converted === 7 ? 1000 : 1e6, utc: true };
    case 9:
    case 10:
      return { is: 'timestamp', perSecond: converted === 9 ? 1000 : 1e6, utc: true };
    case 11:
    case 12:
    case 13:
    case 14:
      return { is: 'unsigned' };
    case 20:
    case 21:
      return { is: 'bytes' };
    default:
      return { is: physical !== null && physical >= 6 ? 'bytes' : 'plain' };
  }
}

/** Definition and repetition levels down to an element, itself included. */
interface Levels {
  definition: number;
  repetition: number;
}

function treeOf(elements: Element[], file: string): Schema {
  const leaves: Leaf[] = [];
  let next = 0;

  interface Node {
    element: Element;
    meaning: Meaning;
    levels: Levels;
    children: Node[];
    columns: number[];
  }
  const take = (above: Levels, path: string[]): Node => {
    const element = elements[next++];
    if (!element) throw damaged(file, 'its columns end too early');
    const isRoot = next === 1;
    if (path.length > MAX_DEPTH)
      throw new FormatError(`${quote(file)} nests its columns more than ${MAX_DEPTH} deep, which is the limit. Flatten them.`);
    const own = isRoot ? [] : [...path, element.name];
    const levels = isRoot
      ? above
      : {
          definition: above.definition + (element.repetition === OPTIONAL || element.repetition === REPEATED ? 1 : 0),
          repetition: above.repetition + (element.repetition === REPEATED ? 1 : 0),
        };
    const node: Node = { element, meaning: meaningOf(element), levels, children: [], columns: [] };
    if (element.physical !== null) {
      const physical = PHYSICAL[element.physical];
      if (!physical || element.children > 0 || isRoot) throw damaged(file, `its column ${quote(own.join('.'))} has no type`);
      if (physical === 'FIXED_LEN_BYTE_ARRAY' && !(element.width > 0))
        throw damaged(file, `its column ${quote(own.join('.'))} has ${element.width} bytes a value`);
      if (node.meaning.is === 'decimal' && !(node.meaning.scale >= 0 && node.meaning.scale <= MAX_SCALE))
        throw damaged(file, `its column ${quote(own.join('.'))} has decimals with ${node.meaning.scale} places`);
      if (leaves.length >= MAX_COLUMNS) throw tooWide(file);
      node.columns.push(leaves.length);
      leaves.push({
        path: own,
        physical,
        width: element.width,
        meaning: node.meaning,
        maxDefinition: levels.definition,
        maxRepetition: levels.repetition,
      });
      return node;
    }
    if (!(element.children > 0) || element.children > elements.length) throw damaged(file, 'a group of its columns has no columns');
    const names = new Set<string>();
    for (let i = 0; i < element.children; i++) {
      const child = take(levels, own);
      if (names.has(child.element.name))
        throw new FormatError(`${quote(file)} has two columns ${quote([...own, child.element.name].join('.'))}. Rename one of them.`);
      names.add(child.element.name);
      node.children.push(child);
      node.columns.push(...child.columns);
    }
    return node;
  };

  /** The field that a node is, without what makes it repeated. */
  const content = (node: Node): Field => {
    const { element, meaning, levels, children, columns } = node;
    const common = { name: element.name, at: levels.definition, columns };
    if (children.length === 0) return { ...common, kind: 'leaf' };
    const [only] = children;
    if (children.length === 1 && only?.element.repetition === REPEATED) {
      const repeated = { filledAt: only.levels.definition, repetition: only.levels.repetition };
      if (meaning.is === 'list') return { ...common, kind: 'list', ...repeated, item: itemOf(node, only) };
      const [key, value] = only.children;
      if (meaning.is === 'map' && key && value && only.children.length === 2)
        return { ...common, kind: 'map', ...repeated, key: fieldOf(key), value: fieldOf(value) };
    }
    return { ...common, kind: 'object', fields: children.map(fieldOf) };
  };
  /** The rules for lists of older writers: the repeated node is the item unless it is a bare group around it. */
  const itemOf = (list: Node, repeated: Node): Field => {
    const [item] = repeated.children;
    const bare = item && repeated.children.length === 1 && !/^array$/.test(repeated.element.name);
    return bare && repeated.element.name !== `${list.element.name}_tuple` ? fieldOf(item) : content(repeated);
  };
  const fieldOf = (node: Node): Field => {
    if (node.element.repetition !== REPEATED) return content(node);
    // repeated by itself: a list that is never null
    const { definition, repetition } = node.levels;
    const { name, columns } = content(node);
    return { name, columns, at: definition - 1, kind: 'list', filledAt: definition, repetition, item: content(node) };
  };

  const root = take({ definition: 0, repetition: 0 }, []);
  if (next < elements.length) throw damaged(file, 'it lists more columns than it has');
  return { fields: root.children.map(fieldOf), leaves };
}

const damaged = (file: string, why: string): FormatError =>
  new FormatError(`${quote(file)} is a damaged Parquet file: ${why}. Download or write it again.`);

const tooWide = (file: string): FormatError =>
  new FormatError(`${quote(file)} has more than ${MAX_COLUMNS} columns, which is the limit. Keep those that are needed.`);
