// A hash of four words to four, cheaper than Philox where quality matters little: rounding noise. pcg4d of Jarzynski and Olano, "Hash functions for
// GPU rendering", JCGT 9 (3), 2020.
fn pcg4(counter: vec4<u32>) -> vec4<u32> {
  var v = counter * 1664525u + 1013904223u;
  v.x += v.y * v.w;
  v.y += v.z * v.x;
  v.z += v.x * v.y;
  v.w += v.y * v.z;
  v = v ^ (v >> vec4<u32>(16u));
  v.x += v.y * v.w;
  v.y += v.z * v.x;
  v.z += v.x * v.y;
  v.w += v.y * v.z;
  return v;
}
