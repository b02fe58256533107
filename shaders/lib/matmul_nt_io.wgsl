// Bindings and the guarded store of the register-blocked Y = A B^T. Needs lib/matmul_args; B is bound by the kernel.
@group(0) @binding(1) var<storage, read_write> a: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> r: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

fn put(m: u32, n: u32, sum: f32) {
  if (m >= args.M || n >= args.N) { return; }
  let at = args.yOffset + m * args.ldy + n;
  if (MODE == 0u) { y[at] = sum; } else if (MODE == 1u) { y[at] += sum; } else if (MODE == 2u) { y[at] = sum + r[at]; } else { y[at] = sum + r[n]; }
}
