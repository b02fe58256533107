// Half-precision numbers: F16 and BF16 to F32 exactly, and back rounded to nearest, ties to even. NaN stays NaN, infinities stay, F16 overflows to infinity.

/** @param bits of an F16 value. Returns the F32 bits: exact, subnormals and NaN payloads included. */
export function float16Bits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13);
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  const shift = Math.clz32(fraction) - 21;
  return sign | ((113 - shift) << 23) | ((fraction << (13 + shift)) & 0x7fffff);
}

/** F32 values as F16 bits. */
export function toFloat16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < halves.length; i++) {
    const x = bits[i] as number;
    const sign = (x >>> 16) & 0x8000;
    const magnitude = x & 0x7fffffff;
    let half: number;
    if (magnitude > 0x7f800000) half = 0x7e00 | ((magnitude >>> 13) & 0x3ff);
    // From 65520 on, infinity is nearest.
    else if (magnitude >= 0x477ff000) half = 0x7c00;
    // Normal: the exponent is moved by 112, half a step added, one less where the result is even.
    else if (magnitude >= 0x38800000) half = (magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13;
    else if (magnitude <= 0x33000000) half = 0;
    else {
      // Subnormal: in units of 2^-24.
      const shift = 126 - (magnitude >>> 23);
      const fraction = (magnitude & 0x7fffff) | 0x800000;
      const rest = fraction & ((1 << shift) - 1);
      const middle = 1 << (shift - 1);
      half = fraction >>> shift;
      if (rest > middle || (rest === middle && (half & 1) === 1)) half++;
    }
    halves[i] = sign | half;
  }
  return halves;
}

/** F32 values as BF16 bits. */
export function toBfloat16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < halves.length; i++) {
    const x = bits[i] as number;
    const isNan = (x & 0x7fffffff) > 0x7f800000;
    halves[i] = isNan ? (x >>> 16) | 0x40 : (x + 0x7fff + ((x >>> 16) & 1)) >>> 16;
  }
  return halves;
}
