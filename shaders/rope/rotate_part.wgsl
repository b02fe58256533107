// formula: for each head and each pair (d, d + rotary / 2) of its first `rotary` dimensions: (a, b) -> (a cos - s b sin, b cos + s a sin), cos and
//          sin of the row's position from the table; s = 1 forward, s = -1 backward (the transpose). Pairs as in Hugging Face transformers.
// in: positions (R) u32; table (P, rotary / 2, 2) f32 of cos and sin
// out: qkv (R, width) f32, the first `heads` heads of D rotated in place
// grid: one thread per (row, head, pair), workgroups of 64, rows of 65,535 workgroups
// cost: 3 R heads rotary flops
// tolerance: 1e-7 normalised mean squared error
// guard: threads beyond the last pair do nothing; positions beyond the table use its last row
struct Args { R: u32, heads: u32, D: u32, rotary: u32, width: u32, P: u32, sign: f32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> positions: array<u32>;
@group(0) @binding(2) var<storage, read_write> table: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read_write> qkv: array<f32>;
//!include "lib/index.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = flatIndex(group, groups, local);
  let half = args.rotary / 2u;
  if (i >= args.R * args.heads * half) { return; }
  let d = i % half;
  let head = (i / half) % args.heads;
  let row = i / (half * args.heads);
  let cs = table[min(positions[row], args.P - 1u) * half + d];
  let at = row * args.width + head * args.D + d;
  let a = qkv[at];
  let b = qkv[at + half];
  qkv[at] = a * cs.x - args.sign * b * cs.y;
  qkv[at + half] = b * cs.x + args.sign * a * cs.y;
}
