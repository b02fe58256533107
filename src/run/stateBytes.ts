// Values of a run as bytes and back: JSON for the structure, typed arrays behind it as they lie in memory, aligned. Numbers that JSON does not
// know, undefined and maps are kept. Refuses (StateError) what has behaviour: functions, symbols, instances of classes.

export class StateError extends Error {
  override name = 'StateError';
}

const ARRAYS = { Float32Array, Float64Array, Uint8Array, Int8Array, Uint16Array, Int16Array, Uint32Array, Int32Array } as const;
type ArrayName = keyof typeof ARRAYS;
type AnyArray = InstanceType<(typeof ARRAYS)[ArrayName]>;

/** One key that says what stands in place of something that JSON lacks; plain objects that begin with it are written as entries. */
const MARK = '$';
const ALIGN = 8;
/** Magic, then the length of the JSON. */
const HEAD_BYTES = 16;
const MAGIC = 0x53334152;
const VERSION = 1;

export function encodeState(value: unknown): Uint8Array<ArrayBuffer> {
  const arrays: AnyArray[] = [];
  let offset = 0;
  const plain = (v: unknown, path: string): unknown => {
    if (v === null || typeof v === 'boolean' || typeof v === 'string') return v;
    if (v === undefined) return { [MARK]: 'undefined' };
    if (typeof v === 'number')
      return Number.isFinite(v) && !Object.is(v, -0) ? v : { [MARK]: 'number', v: Object.is(v, -0) ? '-0' : String(v) };
    if (Array.isArray(v)) return v.map((item, i) => plain(item, `${path}[${i}]`));
    if (typeof v !== 'object') throw new StateError(`${path} is a ${typeof v}, which cannot be kept.`);
    if (ArrayBuffer.isView(v)) {
      const name = v.constructor.name as ArrayName;
      if (!Object.hasOwn(ARRAYS, name)) throw new StateError(`${path} is a ${name}, which cannot be kept.`);
      const array = v as AnyArray;
      const at = offset;
      arrays.push(array);
      offset += Math.ceil(array.byteLength / ALIGN) * ALIGN;
      return { [MARK]: name, at, n: array.length };
    }
    if (v instanceof Map)
      return { [MARK]: 'map', v: [...v].map(([k, item], i) => [plain(k, `${path}.key${i}`), plain(item, `${path}.${i}`)]) };
    const prototype: unknown = Object.getPrototypeOf(v);
    if (prototype !== Object.prototype && prototype !== null)
      throw new StateError(`${path} is a ${(v as object).constructor.name}, which cannot be kept.`);
    const entries = Object.entries(v).map(([k, item]): [string, unknown] => [k, plain(item, `${path}.${k}`)]);
    if (entries.some(([k]) => k === MARK || k === '__proto__')) return { [MARK]: 'object', v: entries };
    return Object.fromEntries(entries);
  };
  const json = new TextEncoder().encode(JSON.stringify(plain(value, 'state')));
  const start = Math.ceil((HEAD_BYTES + json.length) / ALIGN) * ALIGN;
  const bytes = new Uint8Array(start + offset);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, VERSION, true);
  view.setUint32(8, json.length, true);
  bytes.set(json, HEAD_BYTES);
  let at = start;
  for (const array of arrays) {
    bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), at);
    at += Math.ceil(array.byteLength / ALIGN) * ALIGN;
  }
  return bytes;
}

/** Typed arrays come back as copies, so that the bytes may go. */
export function decodeState(bytes: Uint8Array): unknown {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEAD_BYTES || view.getUint32(0, true) !== MAGIC) throw new StateError('These bytes are no state of a run.');
  if (view.getUint32(4, true) !== VERSION)
    throw new StateError(
      `The state has version ${view.getUint32(4, true)}; this release reads ${VERSION}. Open it with the release that wrote it.`,
    );
  const length = view.getUint32(8, true);
  if (HEAD_BYTES + length > bytes.length) throw new StateError(`The state's structure takes ${length} bytes; there are ${bytes.length}.`);
  const start = Math.ceil((HEAD_BYTES + length) / ALIGN) * ALIGN;
  const structure: unknown = JSON.parse(new TextDecoder().decode(bytes.subarray(HEAD_BYTES, HEAD_BYTES + length)));
  const real = (v: unknown): unknown => {
    if (Array.isArray(v)) return v.map(real);
    if (v === null || typeof v !== 'object') return v;
    const held = v as Record<string, unknown>;
    const mark = held[MARK];
    if (mark === undefined) return objectOf(Object.entries(held));
    if (mark === 'undefined') return undefined;
    if (mark === 'number') return Number(held.v);
    if (mark === 'map') return new Map((held.v as [unknown, unknown][]).map(([k, item]) => [real(k), real(item)]));
    if (mark === 'object') return objectOf(held.v as [string, unknown][]);
    if (!Object.hasOwn(ARRAYS, mark as string)) throw new StateError(`The state has a ${String(mark)}, which this release does not know.`);
    const Typed = ARRAYS[mark as ArrayName];
    const from = start + (held.at as number);
    const size = (held.n as number) * Typed.BYTES_PER_ELEMENT;
    if (!(from >= start && from + size <= bytes.length))
      throw new StateError(`The state ends at byte ${bytes.length}; an array asks for ${from + size}.`);
    return new Typed(bytes.slice(from, from + size).buffer);
  };
  const objectOf = (entries: [string, unknown][]): object => {
    const made = {};
    for (const [k, item] of entries)
      Object.defineProperty(made, k, { value: real(item), enumerable: true, writable: true, configurable: true });
    return made;
  };
  return real(structure);
}
