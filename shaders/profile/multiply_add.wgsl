// formula: y[i] = sum over 8 chains s of x_s, where x_s starts at i / N + s / 8 and is replaced `steps` times by a x_s + b
// in: a, b f32 in args
// out: y (N) f32
// grid: one thread per element of y, workgroups of 64, rows of 65,535 workgroups
// cost: 16 N steps flops, 4 N bytes: the most f32 arithmetic that this adapter does in registers, the ceiling that kernels' flops are held against
// tolerance: 1e-7 normalised mean squared error
// guard: threads beyond N do nothing; at most 65,536 steps
// Eight chains in two vec4: enough that no multiply-add waits for the one before, few enough for the registers of a CPU adapter.
struct Args { N: u32, steps: u32, a: f32, b: f32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
//!include "lib/index.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = flatIndex(group, groups, local);
  if (i >= args.N) { return; }
  let start = f32(i) / f32(args.N);
  var p = vec4<f32>(start, start + 0.125, start + 0.25, start + 0.375);
  var q = p + 0.5;
  let steps = min(args.steps, 65536u) / 4u;
  for (var s = 0u; s < steps; s++) {
    p = p * args.a + args.b; q = q * args.a + args.b;
    p = p * args.a + args.b; q = q * args.a + args.b;
    p = p * args.a + args.b; q = q * args.a + args.b;
    p = p * args.a + args.b; q = q * args.a + args.b;
  }
  y[i] = dot(p, vec4<f32>(1.0)) + dot(q, vec4<f32>(1.0));
}
