// B in f16, two to a word (the even element in the low half), read four elements at a time: i counts groups of 4 elements.
@group(0) @binding(2) var<storage, read_write> b: array<vec2<u32>>;
fn loadB(i: u32) -> vec4<f32> {
  let words = b[i];
  return vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y));
}
