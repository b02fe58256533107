// Bindings and the guarded store of the register-blocked kernels that write rows of vec4 (Y = A B and Y = A^T B). Needs lib/matmul_args; B is bound by the kernel.
@group(0) @binding(1) var<storage, read_write> a: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> r: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;

fn put(part: u32, m: u32, n4: u32, sum: vec4<f32>) {
  if (m >= args.M || n4 >= args.N / 4u) { return; }
  let at = (args.yOffset + (part * args.M + m) * args.ldy) / 4u + n4;
  if (MODE == 0u) { y[at] = sum; } else if (MODE == 1u) { y[at] += sum; } else if (MODE == 2u) { y[at] = sum + r[at]; } else { y[at] = sum + r[n4]; }
}
