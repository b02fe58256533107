// The storage types of GGUF tensors: how many bytes a block of elements takes, and its values in F32, equal to the reference implementation (the
// Python package gguf) bit for bit: every product and sum is rounded to F32 where the reference rounds it.
// Refuses nothing: whoever calls has checked that the type is one of these and that the range lies on whole blocks.

/** Elements per block, bytes per block, and how the values come out of the reader: as stored, or dequantised to F32. */
interface BlockType {
  elements: number;
  bytes: number;
  dtype: 'F32' | 'F16' | 'BF16';
  /** Writes the block's values to out[at...]; absent where the stored bytes are the values. */
  decode?: (block: DataView, offset: number, out: Float32Array, at: number) => void;
}

export const BLOCK_TYPES = {
  F32: { elements: 1, bytes: 4, dtype: 'F32' },
  F16: { elements: 1, bytes: 2, dtype: 'F16' },
  BF16: { elements: 1, bytes: 2, dtype: 'BF16' },
  Q8_0: { elements: 32, bytes: 34, dtype: 'F32', decode: decodeQ8_0 },
  Q4_0: { elements: 32, bytes: 18, dtype: 'F32', decode: decodeQ4_0 },
  Q5_0: { elements: 32, bytes: 22, dtype: 'F32', decode: decodeQ5_0 },
  Q4_K: { elements: 256, bytes: 144, dtype: 'F32', decode: decodeQ4K },
  Q6_K: { elements: 256, bytes: 210, dtype: 'F32', decode: decodeQ6K },
} satisfies Record<string, BlockType>;

export type BlockTypeName = keyof typeof BLOCK_TYPES;

/** Names of all storage types by their number in the file, for messages about those that are not read. */
export const TYPE_NAMES: ReadonlyMap<number, string> = new Map([
  [0, 'F32'],
  [1, 'F16'],
  [2, 'Q4_0'],
  [3, 'Q4_1'],
  [6, 'Q5_0'],
  [7, 'Q5_1'],
  [8, 'Q8_0'],
  [9, 'Q8_1'],
  [10, 'Q2_K'],
  [11, 'Q3_K'],
  [12, 'Q4_K'],
  [13, 'Q5_K'],
  [14, 'Q6_K'],
  [15, 'Q8_K'],
  [16, 'IQ2_XXS'],
  [17, 'IQ2_XS'],
  [18, 'IQ3_XXS'],
  [19, 'IQ1_S'],
  [20, 'IQ4_NL'],
  [21, 'IQ3_S'],
  [22, 'IQ2_S'],
  [23, 'IQ4_XS'],
  [24, 'I8'],
  [25, 'I16'],
  [26, 'I32'],
  [27, 'I64'],
  [28, 'F64'],
  [29, 'IQ1_M'],
  [30, 'BF16'],
  [34, 'TQ1_0'],
  [35, 'TQ2_0'],
  [39, 'MXFP4'],
  [40, 'NVFP4'],
]);

export function isBlockType(name: string | undefined): name is BlockTypeName {
  return name !== undefined && Object.hasOwn(BLOCK_TYPES, name);
}

/** Values of whole blocks in F32; `bytes` holds them from its start. */
export function dequantise(type: BlockTypeName, bytes: Uint8Array, blocks: number): Float32Array<ArrayBuffer> {
  const { elements, bytes: blockBytes, decode }: BlockType = BLOCK_TYPES[type];
  const out = new Float32Array(blocks * elements);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0; i < blocks; i++) decode?.(view, i * blockBytes, out, i * elements);
  return out;
}

/** The value of an F16, exact, subnormals, infinities and NaN included. */
function half(view: DataView, offset: number): number {
  const bits = view.getUint16(offset, true);
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** Scale, then 32 signed bytes. */
function decodeQ8_0(block: DataView, offset: number, out: Float32Array, at: number): void {
  const d = half(block, offset);
  for (let i = 0; i < 32; i++) out[at + i] = d * block.getInt8(offset + 2 + i);
}

/** Scale, then 16 bytes: value i in the low half of byte i, value 16 + i in its high half, both with 8 added. */
function decodeQ4_0(block: DataView, offset: number, out: Float32Array, at: number): void {
  const d = half(block, offset);
  for (let i = 0; i < 16; i++) {
    const byte = block.getUint8(offset + 2 + i);
    out[at + i] = d * ((byte & 15) - 8);
    out[at + 16 + i] = d * ((byte >> 4) - 8);
  }
}

/** As Q4_0, with the fifth bits of all 32 values in four bytes after the scale, and 16 added. */
function decodeQ5_0(block: DataView, offset: number, out: Float32Array, at: number): void {
  const d = half(block, offset);
  const high = block.getUint32(offset + 2, true);
  for (let i = 0; i < 16; i++) {
    const byte = block.getUint8(offset + 6 + i);
    out[at + i] = d * (((byte & 15) | (((high >>> i) & 1) << 4)) - 16);
    out[at + 16 + i] = d * (((byte >> 4) | (((high >>> (16 + i)) & 1) << 4)) - 16);
  }
}

/** Scale and minimum scale, 8 scales and 8 minima of 6 bits in 12 bytes, then 128 bytes of halves: eight groups of 32 values. */
function decodeQ4K(block: DataView, offset: number, out: Float32Array, at: number): void {
  const d = half(block, offset);
  const dMin = half(block, offset + 2);
  const packed = offset + 4;
  for (let group = 0; group < 8; group++) {
    const low = group & 3;
    const first = block.getUint8(packed + low);
    const second = block.getUint8(packed + 4 + low);
    const third = block.getUint8(packed + 8 + low);
    const scale = group < 4 ? first & 63 : (third & 15) | ((first >> 2) & 48);
    const minimum = group < 4 ? second & 63 : (third >> 4) | ((second >> 2) & 48);
    const groupScale = Math.fround(d * scale);
    const groupMin = Math.fround(dMin * minimum);
    const from = offset + 16 + 32 * (group >> 1);
    const shift = (group & 1) * 4;
    for (let i = 0; i < 32; i++) {
      out[at + 32 * group + i] = Math.fround(groupScale * ((block.getUint8(from + i) >> shift) & 15)) - groupMin;
    }
  }
}

/** 128 bytes of low halves, 64 bytes of upper bit pairs, 16 signed scales of 16 values each, then the scale of them all; 32 is added to each. */
function decodeQ6K(block: DataView, offset: number, out: Float32Array, at: number): void {
  const d = half(block, offset + 208);
  for (let group = 0; group < 16; group++) {
    const scale = Math.fround(d * block.getInt8(offset + 192 + group));
    // eight runs of 32 values: four share 64 bytes of low halves and 32 bytes of bit pairs
    const run = group >> 1;
    const lowFrom = offset + 64 * (run >> 2) + 32 * (run & 1) + 16 * (group & 1);
    const lowShift = run & 2 ? 4 : 0;
    const highFrom = offset + 128 + 32 * (run >> 2) + 16 * (group & 1);
    const highShift = 2 * (run & 3);
    for (let i = 0; i < 16; i++) {
      const low = (block.getUint8(lowFrom + i) >> lowShift) & 15;
      const high = (block.getUint8(highFrom + i) >> highShift) & 3;
      out[at + 16 * group + i] = scale * ((low | (high << 4)) - 32);
    }
  }
}
