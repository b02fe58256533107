// Body of the tiled matmul: 64 x 64 outputs per workgroup of 16 x 16 threads (4 x 4 each), K in steps of 16 through workgroup memory. Takes
// any sizes and strides. LAYOUT 0: Y = A B^T, 1: Y = A B, 2: Y = A^T B. K in parts. Needs lib/matmul_args and elementB.
@group(0) @binding(1) var<storage, read_write> a: array<f32>;
//!include "lib/matmul_put_element.wgsl"
var<workgroup> tileA: array<f32, 1088>; // 16 x 68: the pad keeps columns in different banks
var<workgroup> tileB: array<f32, 1088>;

@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>, @builtin(local_invocation_index) index: u32) {
  let m0 = group.y * 64u;
  let n0 = group.x * 64u;
  let perPart = (args.K + args.parts - 1u) / args.parts;
  let begin = group.z * perPart;
  let to = min(begin + perPart, args.K);
  var s0 = vec4<f32>(0.0);
  var s1 = vec4<f32>(0.0);
  var s2 = vec4<f32>(0.0);
  var s3 = vec4<f32>(0.0);
  for (var k0 = begin; k0 < to; k0 += 16u) {
    for (var t = index; t < 1024u; t += 256u) {
      // neighbouring threads read neighbouring addresses in either layout
      var m = t % 64u;
      var k = t / 64u;
      if (LAYOUT != 2u) { m = t / 16u; k = t % 16u; }
      var va = 0.0;
      if (m0 + m < args.M && k0 + k < to) {
        if (LAYOUT == 2u) { va = a[args.aOffset + (k0 + k) * args.lda + m0 + m]; } else { va = a[args.aOffset + (m0 + m) * args.lda + k0 + k]; }
      }
      tileA[k * 68u + m] = va;
      var n = t % 64u;
      var kb = t / 64u;
      if (LAYOUT == 0u) { n = t / 16u; kb = t % 16u; }
      var vb = 0.0;
      if (n0 + n < args.N && k0 + kb < to) {
        if (LAYOUT == 0u) { vb = elementB(args.bOffset + (n0 + n) * args.ldb + k0 + kb); } else { vb = elementB(args.bOffset + (k0 + kb) * args.ldb + n0 + n); }
      }
      tileB[kb * 68u + n] = vb;
    }
    workgroupBarrier();
    for (var k = 0u; k < 16u; k++) {
      let bAt = k * 68u + local.x * 4u;
      let aAt = k * 68u + local.y * 4u;
      let w = vec4<f32>(tileB[bAt], tileB[bAt + 1u], tileB[bAt + 2u], tileB[bAt + 3u]);
      s0 += tileA[aAt] * w;
      s1 += tileA[aAt + 1u] * w;
      s2 += tileA[aAt + 2u] * w;
      s3 += tileA[aAt + 3u] * w;
    }
    workgroupBarrier();
  }
  let m = m0 + local.y * 4u;
  let n = n0 + local.x * 4u;
  putFour(group.z, m, n, s0);
  putFour(group.z, m + 1u, n, s1);
  putFour(group.z, m + 2u, n, s2);
  putFour(group.z, m + 3u, n, s3);
}

fn putFour(part: u32, m: u32, n: u32, sum: vec4<f32>) {
  put(part, m, n, sum.x);
  put(part, m, n + 1u, sum.y);
  put(part, m, n + 2u, sum.z);
  put(part, m, n + 3u, sum.w);
}
