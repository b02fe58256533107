// One AdamW step (torch.optim.AdamW) on 4 elements, given their moments after this step's gradient. Needs hyper (src/engine/optimOps.ts).
fn stepped(p: vec4<f32>, m: vec4<f32>, v: vec4<f32>, decay: f32) -> vec4<f32> {
  return p * (1.0 - hyper[0] * hyper[4] * decay) - hyper[0] * (m / hyper[5]) / (sqrt(v / hyper[6]) + hyper[3]);
}
