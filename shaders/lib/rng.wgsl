// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011). No entry point.
// The twin of src/tasks/rng.ts, bit for bit: philox(seed, stream, step, row, column) there is
// philox(vec2<u32>(seed, stream), vec4<u32>(step, row, column, 0u)) here.
// WGSL has no 64-bit integers: the high word of a product is put together from 16-bit halves.

fn philoxMulHi(a: u32, b: u32) -> u32 {
  let a0 = a & 0xffffu;
  let a1 = a >> 16u;
  let b0 = b & 0xffffu;
  let b1 = b >> 16u;
  let middle = a1 * b0 + ((a0 * b0) >> 16u);
  let carry = a0 * b1 + (middle & 0xffffu);
  return a1 * b1 + (middle >> 16u) + (carry >> 16u);
}

fn philox(key: vec2<u32>, ctr: vec4<u32>) -> vec4<u32> {
  var k = key;
  var c = ctr;
  for (var round = 0u; round < 10u; round++) {
    let hi0 = philoxMulHi(0xd2511f53u, c.x);
    let lo0 = 0xd2511f53u * c.x;
    let hi1 = philoxMulHi(0xcd9e8d57u, c.z);
    let lo1 = 0xcd9e8d57u * c.z;
    c = vec4<u32>(hi1 ^ c.y ^ k.x, lo1, hi0 ^ c.w ^ k.y, lo0);
    k = k + vec2<u32>(0x9e3779b9u, 0xbb67ae85u);
  }
  return c;
}

// Uniform in the open interval (0, 1). 23 bits, so that the half step is exact in f32: with 24 the largest word would round to 1, whose
// Gumbel noise is infinite.
fn unitFloat(x: u32) -> f32 {
  return (f32(x >> 9u) + 0.5) / 8388608.0;
}
