// The residual or row, the output and its guarded store, one element at a time. Needs lib/matmul_args.
@group(0) @binding(3) var<storage, read_write> r: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

fn put(part: u32, m: u32, n: u32, sum: f32) {
  if (m >= args.M || n >= args.N) { return; }
  let at = args.yOffset + (part * args.M + m) * args.ldy + n;
  if (MODE == 0u) { y[at] = sum; }
  else if (MODE == 1u) { y[at] += sum; }
  else if (MODE == 2u) { y[at] = sum + r[at]; }
  else { y[at] = sum + r[args.rOffset + n]; }
}
