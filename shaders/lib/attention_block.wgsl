// Four products at a time: what the kernels share that take blocks of queries and keys.
fn dots(x: vec4<f32>, a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>) -> vec4<f32> {
  return vec4<f32>(dot(x, a), dot(x, b), dot(x, c), dot(x, d));
}

fn weigh(w: vec4<f32>, a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>) -> vec4<f32> {
  return w.x * a + w.y * b + w.z * c + w.w * d;
}

// Which of four keys before `end` a query sees.
fn seesKeys(j: vec4<u32>, end: u32, s: Seen) -> vec4<bool> {
  let pinned = (j >= vec4<u32>(s.pinStart)) & (j < vec4<u32>(s.pinStart + s.pinCount));
  return (j < vec4<u32>(end)) & ((j >= vec4<u32>(s.first)) | pinned);
}
