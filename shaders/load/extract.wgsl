// formula: number s of the file = block[offset + blockElement(s)] for s in [first, first + count), in the TYPE and LAYOUT of lib/file_layout;
//          HALF 0: the block is f32, 1: f16; narrowing rounds to nearest even. The inverse of load/convert
// in: block as words
// out: file (count numbers) as words
// grid: one thread per word of the file on one line of `perLine`, workgroups of 64, rows of 65,535 workgroups
// cost: 2 reads and 1 write per number
// tolerance: exact bits
// guard: threads beyond perLine do nothing; half a word beyond count is 0
override HALF: u32 = 0u;
//!include "lib/file_layout.wgsl"
@group(0) @binding(1) var<storage, read_write> block: array<u32>;
@group(0) @binding(2) var<storage, read_write> file: array<u32>;
//!include "lib/index.wgsl"
//!include "lib/float_bits.wgsl"

fn wordOf(e: u32) -> u32 {
  let at = args.offset + blockElement(args.first + e);
  if (HALF == 0u) { return block[at]; }
  return (block[at / 2u] >> (16u * (at & 1u))) & 0xffffu;
}

fn shortOf(e: u32) -> u32 {
  if (e >= args.count) { return 0u; }
  var bits = wordOf(e);
  if (HALF == 1u && TYPE == 1u) { return bits; }
  if (HALF == 1u) { bits = halfToFloat(bits); }
  if (TYPE == 1u) { return floatToHalf(bits); }
  return floatToBfloat(bits);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = flatIndex(group, groups, local);
  if (i >= args.perLine) { return; }
  if (TYPE == 0u) {
    var bits = wordOf(i);
    if (HALF == 1u) { bits = halfToFloat(bits); }
    file[i] = bits;
    return;
  }
  file[i] = shortOf(2u * i) | (shortOf(2u * i + 1u) << 16u);
}
