// Conversions between f32, f16 and bf16 as bits, in integer arithmetic: the same bits on every adapter, subnormals, infinities and NaN included.
// Narrowing rounds to nearest, ties to even; what is too large for f16 becomes infinite; a NaN stays one (quiet, its upper bits kept).

fn halfToFloat(h: u32) -> u32 {
  let sign = (h & 0x8000u) << 16u;
  let exponent = (h >> 10u) & 31u;
  let mantissa = h & 0x3ffu;
  if (exponent == 31u) { return sign | 0x7f800000u | (mantissa << 13u); }
  if (exponent > 0u) { return sign | ((exponent + 112u) << 23u) | (mantissa << 13u); }
  if (mantissa == 0u) { return sign; }
  let shift = countLeadingZeros(mantissa) - 21u;
  return sign | ((113u - shift) << 23u) | (((mantissa << shift) & 0x3ffu) << 13u);
}

fn floatToHalf(f: u32) -> u32 {
  let sign = (f >> 16u) & 0x8000u;
  let a = f & 0x7fffffffu;
  if (a > 0x7f800000u) { return sign | 0x7e00u | ((a >> 13u) & 0x3ffu); }
  if (a >= 0x477ff000u) { return sign | 0x7c00u; } // 65520, halfway past the largest
  if (a <= 0x33000000u) { return sign; } // 2^-25, half of the smallest
  var q: u32;
  var rest: u32;
  var middle: u32;
  if (a >= 0x38800000u) {
    q = (a - 0x38000000u) >> 13u;
    rest = a & 0x1fffu;
    middle = 0x1000u;
  } else {
    let shift = 126u - (a >> 23u);
    let mantissa = (a & 0x7fffffu) | 0x800000u;
    q = mantissa >> shift;
    rest = mantissa & ((1u << shift) - 1u);
    middle = 1u << (shift - 1u);
  }
  if (rest > middle || (rest == middle && (q & 1u) == 1u)) { q += 1u; }
  return sign | q;
}

fn floatToBfloat(f: u32) -> u32 {
  if ((f & 0x7fffffffu) > 0x7f800000u) { return (f >> 16u) | 0x40u; }
  return (f + 0x7fffu + ((f >> 16u) & 1u)) >> 16u;
}
