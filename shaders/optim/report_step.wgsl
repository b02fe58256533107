// formula: ring[slot] = (loss[0], loss[1], norm[0], norm[1]); then loss = 0
// in: loss (2) f32: summed loss and weight since the last report; norm (2) f32: gradient norm before clipping, clip factor; hyper: [8] is the slot
// out: ring (slots) vec4<f32>; loss (2) cleared for the next update
// grid: one thread
// cost: 40 bytes
// tolerance: exact
// guard: the slot is taken modulo args.slots
struct Args { slots: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> loss: array<f32>;
@group(0) @binding(2) var<storage, read_write> norm: array<f32>;
@group(0) @binding(3) var<storage, read_write> hyper: array<f32>;
@group(0) @binding(4) var<storage, read_write> ring: array<vec4<f32>>;

@compute @workgroup_size(1)
fn main() {
  ring[u32(hyper[8]) % args.slots] = vec4<f32>(loss[0], loss[1], norm[0], norm[1]);
  loss[0] = 0.0;
  loss[1] = 0.0;
}
