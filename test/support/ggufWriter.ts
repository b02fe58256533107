// GGUF files made by code: any metadata and tensors, valid ones and broken ones alike. Nothing is checked.

export type Metadata = Record<string, { type: number; value: number | boolean | string | { type: number; values: (number | string)[] } }>;

export interface WrittenTensor {
  name: string;
  /** Row-major, last contiguous. */
  shape: number[];
  /** The storage type's number in the file. */
  type: number;
  bytes: Uint8Array;
  /** Stated instead of where the bytes lie. */
  offset?: number;
}

export const VALUE = { uint8: 0, uint32: 4, int32: 5, float32: 6, bool: 7, string: 8, array: 9, uint64: 10 } as const;

export const u32 = (value: number) => ({ type: VALUE.uint32, value });
export const f32 = (value: number) => ({ type: VALUE.float32, value });
export const bool = (value: boolean) => ({ type: VALUE.bool, value });
export const str = (value: string) => ({ type: VALUE.string, value });
export const strings = (values: string[]) => ({ type: VALUE.array, value: { type: VALUE.string, values } });
export const int32s = (values: number[]) => ({ type: VALUE.array, value: { type: VALUE.int32, values } });
export const float32s = (values: number[]) => ({ type: VALUE.array, value: { type: VALUE.float32, values } });

export function writeGguf(metadata: Metadata, tensors: WrittenTensor[], { version = 3, alignment = 32 } = {}): Uint8Array<ArrayBuffer> {
  const out = new Bytes();
  out.text('GGUF');
  out.uint32(version);
  out.uint64(tensors.length);
  out.uint64(Object.keys(metadata).length);
  for (const [key, { type, value }] of Object.entries(metadata)) {
    out.string(key);
    out.uint32(type);
    if (typeof value !== 'object') out.value(type, value);
    else {
      out.uint32(value.type);
      out.uint64(value.values.length);
      for (const each of value.values) out.value(value.type, each);
    }
  }
  let offset = 0;
  for (const tensor of tensors) {
    out.string(tensor.name);
    out.uint32(tensor.shape.length);
    for (const size of [...tensor.shape].reverse()) out.uint64(size);
    out.uint32(tensor.type);
    out.uint64(tensor.offset ?? offset);
    offset += Math.ceil(tensor.bytes.length / alignment) * alignment;
  }
  for (const { bytes } of tensors) {
    out.pad(alignment);
    out.raw(bytes);
  }
  out.pad(alignment);
  return Uint8Array.from(out.bytes);
}

/** F32 values as a tensor. */
export function f32Tensor(name: string, shape: number[], at: (i: number) => number): WrittenTensor {
  const values = Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, (_, i) => at(i));
  return { name, shape, type: 0, bytes: new Uint8Array(values.buffer) };
}

class Bytes {
  readonly bytes: number[] = [];

  raw(bytes: Iterable<number>): void {
    for (const byte of bytes) this.bytes.push(byte);
  }
  text(text: string): void {
    this.raw(new TextEncoder().encode(text));
  }
  uint32(value: number): void {
    this.raw(new Uint8Array(Uint32Array.of(value).buffer));
  }
  uint64(value: number): void {
    this.raw(new Uint8Array(BigUint64Array.of(BigInt(value)).buffer));
  }
  string(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.uint64(bytes.length);
    this.raw(bytes);
  }
  value(type: number, value: number | boolean | string): void {
    if (typeof value === 'string') this.string(value);
    else if (type === VALUE.bool || type === VALUE.uint8) this.bytes.push(Number(value));
    else if (type === VALUE.float32) this.raw(new Uint8Array(Float32Array.of(Number(value)).buffer));
    else if (type === VALUE.uint64) this.uint64(Number(value));
    else this.uint32(Number(value) >>> 0);
  }
  pad(alignment: number): void {
    while (this.bytes.length % alignment !== 0) this.bytes.push(0);
  }
}
