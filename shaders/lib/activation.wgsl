// Activations f(x) and their derivatives, four values at a time. ACTIVATION 0: silu, x sigmoid(x); 1: gelu, x Phi(x); 2: gelu_tanh,
// 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), computed as x sigmoid(2 ...) so that nothing cancels for negative x.
// Phi(x) = erfc(-x / sqrt 2) / 2 with erfc(z) = exp(-z^2) t P(t), t = 1 / (1 + 0.45 z), z >= 0; P is a minimax fit of degree 9 over
// z in [0, 12.5], relative error 2e-8. Arguments of exp are clamped to 87: beyond, f32 overflows and adapters differ.
override ACTIVATION: u32 = 0u;

// exp(-x); sigmoid(x) = 1 / (1 + decay4(x)), and 1 - sigmoid(x) is decay4(x) sigmoid(x), which does not cancel
fn decay4(x: vec4<f32>) -> vec4<f32> {
  return exp(clamp(-x, vec4<f32>(-87.0), vec4<f32>(87.0)));
}

// exp(-x^2 / 2)
fn bell4(x: vec4<f32>) -> vec4<f32> {
  let c = clamp(x, vec4<f32>(-13.0), vec4<f32>(13.0));
  return exp(-0.5 * c * c);
}

// The normal distribution function, given bell4(x).
fn normal4(x: vec4<f32>, bell: vec4<f32>) -> vec4<f32> {
  let t = 1.0 / (1.0 + 0.31819805 * min(abs(x), vec4<f32>(17.0)));
  var p = -0.037038777 * t + 0.16762182;
  p = p * t - 0.24819572;
  p = p * t + 0.07575396;
  p = p * t + 0.029741148;
  p = p * t + 0.09413262;
  p = p * t + 0.1833176;
  p = p * t + 0.2267486;
  p = p * t + 0.2540401;
  p = p * t + 0.25387862;
  let tail = 0.5 * bell * t * p;
  return select(tail, 1.0 - tail, x > vec4<f32>(0.0));
}

// 2 sqrt(2 / pi) (x + 0.044715 x^3); beyond 30 sigmoid of it is 0 or 1
fn inner4(x: vec4<f32>) -> vec4<f32> {
  let c = clamp(x, vec4<f32>(-30.0), vec4<f32>(30.0));
  return 1.5957691 * c * (1.0 + 0.044715 * c * c);
}

fn activate4(x: vec4<f32>) -> vec4<f32> {
  if (ACTIVATION == 0u) { return x / (1.0 + decay4(x)); }
  if (ACTIVATION == 1u) { return x * normal4(x, bell4(x)); }
  return x / (1.0 + decay4(inner4(x)));
}

struct Activated { value: vec4<f32>, slope: vec4<f32> }

fn activateWithSlope4(x: vec4<f32>) -> Activated {
  if (ACTIVATION == 0u) {
    let e = decay4(x);
    let s = 1.0 / (1.0 + e);
    return Activated(x * s, s * (1.0 + x * (e * s)));
  }
  if (ACTIVATION == 1u) {
    let bell = bell4(x);
    let phi = normal4(x, bell);
    return Activated(x * phi, phi + x * 0.3989423 * bell);
  }
  let e = decay4(inner4(x));
  let s = 1.0 / (1.0 + e);
  let c = clamp(x, vec4<f32>(-30.0), vec4<f32>(30.0));
  return Activated(x * s, s + x * s * (e * s) * 1.5957691 * (1.0 + 0.134145 * c * c));
}
