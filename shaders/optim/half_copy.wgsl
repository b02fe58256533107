// formula: half[i] = p[i] rounded to f16, nearest even
// in: p (4 N4) f32
// out: half (2 N4) u32, two f16 to a word, the first in the low half
// grid: one thread per 4 elements, workgroups of 64, rows of 65,535 workgroups
// cost: 6 bytes per element
// tolerance: exact bits
// guard: threads beyond N4 do nothing
struct Args { N4: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> p: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> half: array<vec2<u32>>;
//!include "lib/index.wgsl"
//!include "lib/float_bits.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = flatIndex(group, groups, local);
  if (i >= args.N4) { return; }
  let bits = p[i];
  half[i] = vec2<u32>(floatToHalf(bits.x) | (floatToHalf(bits.y) << 16u), floatToHalf(bits.z) | (floatToHalf(bits.w) << 16u));
}
