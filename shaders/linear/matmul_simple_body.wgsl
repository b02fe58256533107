// Body of the matmul with one output per thread. Takes any sizes and strides. LAYOUT 0: Y = A B^T, 1: Y = A B, 2: Y = A^T B. K in parts.
// Needs lib/matmul_args and elementB.
@group(0) @binding(1) var<storage, read_write> a: array<f32>;
//!include "lib/matmul_put_element.wgsl"

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let m = id.y;
  let n = id.x;
  if (m >= args.M || n >= args.N) { return; }
  let perPart = (args.K + args.parts - 1u) / args.parts;
  let begin = id.z * perPart;
  let end = min(begin + perPart, args.K);
  var sum = 0.0;
  for (var k = begin; k < end; k++) {
    var aAt = args.aOffset + m * args.lda + k;
    var bAt = args.bOffset + k * args.ldb + n;
    if (LAYOUT == 0u) { bAt = args.bOffset + n * args.ldb + k; }
    if (LAYOUT == 2u) { aAt = args.aOffset + k * args.lda + m; }
    sum += a[aAt] * elementB(bAt);
  }
  put(id.z, m, n, sum);
}
