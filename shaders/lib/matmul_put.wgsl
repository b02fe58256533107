// The residual or row, the output and its guarded store, four columns at a time: n4 counts vec4. Needs lib/matmul_args.
@group(0) @binding(3) var<storage, read_write> r: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;

fn put(part: u32, m: u32, n4: u32, sum: vec4<f32>) {
  if (m >= args.M || n4 >= args.N / 4u) { return; }
  let at = (args.yOffset + (part * args.M + m) * args.ldy) / 4u + n4;
  if (MODE == 0u) { y[at] = sum; }
  else if (MODE == 1u) { y[at] += sum; }
  else if (MODE == 2u) { y[at] = sum + r[at]; }
  else { y[at] = sum + r[args.rOffset / 4u + n4]; }
}
