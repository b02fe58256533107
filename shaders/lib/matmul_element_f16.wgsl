// B in f16, two to a word (the even element in the low half), read one element at a time.
@group(0) @binding(2) var<storage, read_write> b: array<u32>;
fn elementB(i: u32) -> f32 {
  let pair = unpack2x16float(b[i / 2u]);
  return select(pair.x, pair.y, i % 2u == 1u);
}
