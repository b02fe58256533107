// formula: as optim/update_f32, with both moments held in 8 bits per element. Over blocks of 64: scale = (max |m|, max v);
//          m = sign(c) (c / 127)^2 scale.x for a signed code c, v = (c / 255)^4 scale.y for an unsigned one. Codes are rounded up or down at random,
//          so that the expected moment is the exact one (pcg4 of word, step, segment); v > 0 never gets the code 0. Always up, or to nearest,
//          a v that changes by 1 - b2 a step would never fall
// in: g (64 blocks) f32; norm (2) f32: [1] is the clip factor; hyper: lr, b1, b2, eps, wd, c1, c2, clip, slot, ema, step (src/engine/optimOps.ts)
// out: p (64 blocks) f32; mCodes, vCodes (16 blocks) u32, 4 codes to a word, the first lowest; scales (blocks, 2) f32; updated in place
// grid: LANES threads (1 to 16) per block, 64 / LANES blocks per workgroup, rows of 65,535 workgroups
// cost: 80 operations and 16.3 bytes per element
// tolerance: 1e-9 normalised mean squared error of p; codes equal but where f32 decides a rounding otherwise, and then by 1
// guard: blocks beyond the last are computed on it and not written; with a factor of 0 nothing is written
struct Args { blocks: u32, segment: u32, decay: f32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> p: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> g: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> mCodes: array<u32>;
@group(0) @binding(4) var<storage, read_write> vCodes: array<u32>;
@group(0) @binding(5) var<storage, read_write> scales: array<vec2<f32>>;
@group(0) @binding(6) var<storage, read_write> norm: array<f32>;
@group(0) @binding(7) var<storage, read_write> hyper: array<f32>;
//!include "lib/reduce.wgsl"
//!include "lib/row_index.wgsl"
//!include "lib/pcg.wgsl"
//!include "lib/adamw.wgsl"

const ROUNDING = 0x0adb17e5u;

fn firstMoment(i: u32, scale: f32, grad: vec4<f32>) -> vec4<f32> {
  let c = unpack4x8snorm(mCodes[i]);
  return hyper[1] * (c * abs(c) * scale) + (1.0 - hyper[1]) * grad;
}

fn secondMoment(i: u32, scale: f32, grad: vec4<f32>) -> vec4<f32> {
  let c = unpack4x8unorm(vCodes[i]);
  return hyper[2] * (c * c * (c * c) * scale) + (1.0 - hyper[2]) * grad * grad;
}

fn largest(x: vec4<f32>) -> f32 { return max(max(x.x, x.y), max(x.z, x.w)); }

// 1 / scale; 0 for a block of zeros and of what f32 may flush to zero
fn inverse(scale: f32) -> f32 {
  if (scale > 1.0e-37) { return 1.0 / scale; }
  return 0.0;
}

fn packed(c: vec4<u32>) -> u32 { return c.x | (c.y << 8u) | (c.z << 16u) | (c.w << 24u); }

fn encodeFirst(m: vec4<f32>, inv: f32, noise: vec4<f32>) -> u32 {
  let r = abs(m) * inv * 16129.0;
  let low = floor(min(sqrt(r), vec4<f32>(126.0)));
  let size = low + select(vec4<f32>(0.0), vec4<f32>(1.0), noise * (2.0 * low + 1.0) < r - low * low);
  return packed(vec4<u32>(vec4<i32>(sign(m) * size)) & vec4<u32>(255u));
}

fn encodeSecond(v: vec4<f32>, inv: f32, noise: vec4<f32>) -> u32 {
  let r = v * inv;
  let low = floor(min(255.0 * sqrt(sqrt(r)), vec4<f32>(254.0)));
  let a = low * low * (low * low);
  let next = low + 1.0;
  let b = next * next * (next * next);
  let code = low + select(vec4<f32>(0.0), vec4<f32>(1.0), noise * (b - a) < r * 4228250625.0 - a);
  return packed(vec4<u32>(max(code, select(vec4<f32>(0.0), vec4<f32>(1.0), r > vec4<f32>(0.0)))));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let wanted = rowIndex(group, groups, local);
  let block = min(wanted, args.blocks - 1u);
  let factor = norm[1];
  let old = scales[block];
  var top = vec2<f32>(0.0);
  for (var k = local % LANES; k < 16u; k += LANES) {
    let i = block * 16u + k;
    let grad = g[i] * factor;
    top = max(top, vec2<f32>(largest(abs(firstMoment(i, old.x, grad))), largest(secondMoment(i, old.y, grad))));
  }
  let scale = vec2<f32>(rowMax(top.x, local), rowMax(top.y, local));
  if (wanted >= args.blocks || factor == 0.0) { return; }
  let inv = vec2<f32>(inverse(scale.x), inverse(scale.y));
  for (var k = local % LANES; k < 16u; k += LANES) {
    let i = block * 16u + k;
    let grad = g[i] * factor;
    let m = firstMoment(i, old.x, grad);
    let v = secondMoment(i, old.y, grad);
    p[i] = stepped(p[i], m, v, args.decay);
    let words = pcg4(vec4<u32>(i, u32(hyper[10]), args.segment, ROUNDING));
    mCodes[i] = encodeFirst(m, inv.x, (vec4<f32>(words >> vec4<u32>(16u)) + 0.5) / 65536.0);
    vCodes[i] = encodeSecond(v, inv.y, (vec4<f32>(words & vec4<u32>(0xffffu)) + 0.5) / 65536.0);
  }
  if (local % LANES == 0u) { scales[block] = scale; }
}
