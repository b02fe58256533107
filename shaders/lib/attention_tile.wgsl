// Tiles in workgroup memory for 128 threads: an owner tile of 64 rows against 32 columns, 4 x 4 entries per thread (ty, tx) of 16 x 8.
// `tile` holds either 32 dimensions of 64 owner rows (9 vec4 apart, so that no two threads hit one bank) and of 32 columns (row 4 x + c at
// 8 c + x), or 64 rows of 32 weights and 32 rows of 32 values.
const OWNERS: u32 = 64u;
const COLUMNS: u32 = 32u;
const SECOND: u32 = 576u;
var<workgroup> tile: array<vec4<f32>, 864>;
var<workgroup> stat: array<f32, 512>;

// Four rows of a thread, four columns each.
struct Block {
  a: vec4<f32>,
  b: vec4<f32>,
  c: vec4<f32>,
  d: vec4<f32>,
}
const ZERO = Block(vec4<f32>(0.0), vec4<f32>(0.0), vec4<f32>(0.0), vec4<f32>(0.0));

fn columnSlot(column: u32) -> u32 { return SECOND + (column % 4u * 8u + column / 4u) * 9u; }

// s + rows . columns over the dimensions in the tile.
fn multiply(before: Block, ty: u32, tx: u32) -> Block {
  var s = before;
  let row = ty * 36u;
  let column = SECOND + tx * 9u;
  for (var d = 0u; d < 8u; d++) {
    let k0 = tile[column + d];
    let k1 = tile[column + 72u + d];
    let k2 = tile[column + 144u + d];
    let k3 = tile[column + 216u + d];
    s.a += dots(tile[row + d], k0, k1, k2, k3);
    s.b += dots(tile[row + 9u + d], k0, k1, k2, k3);
    s.c += dots(tile[row + 18u + d], k0, k1, k2, k3);
    s.d += dots(tile[row + 27u + d], k0, k1, k2, k3);
  }
  return s;
}

fn putWeights(w: Block, ty: u32, tx: u32) {
  let row = ty * 36u + tx;
  tile[row] = w.a;
  tile[row + 9u] = w.b;
  tile[row + 18u] = w.c;
  tile[row + 27u] = w.d;
}

// o + weights . values over the 32 columns in the tile; the thread's four dimensions are those of tx.
fn weighTile(before: Block, ty: u32, tx: u32) -> Block {
  var o = before;
  let row = ty * 36u;
  for (var k = 0u; k < 8u; k++) {
    let at = SECOND + k * 32u + tx;
    let v0 = tile[at];
    let v1 = tile[at + 8u];
    let v2 = tile[at + 16u];
    let v3 = tile[at + 24u];
    o.a += weigh(tile[row + k], v0, v1, v2, v3);
    o.b += weigh(tile[row + 9u + k], v0, v1, v2, v3);
    o.c += weigh(tile[row + 18u + k], v0, v1, v2, v3);
    o.d += weigh(tile[row + 27u + k], v0, v1, v2, v3);
  }
  return o;
}

// One value per row of the thread, as its four partial values over tx = 0 to 7 sum up (all threads of a row get the same).
fn sumOverColumns(x: vec4<f32>, ty: u32, tx: u32) -> vec4<f32> {
  putStat(x, ty, tx);
  workgroupBarrier();
  var sum = vec4<f32>(0.0);
  for (var n = 0u; n < 8u; n++) { sum += statOf(ty, n); }
  workgroupBarrier();
  return sum;
}

fn putStat(x: vec4<f32>, ty: u32, tx: u32) {
  let at = ty * 32u + tx;
  stat[at] = x.x;
  stat[at + 8u] = x.y;
  stat[at + 16u] = x.z;
  stat[at + 24u] = x.w;
}

fn statOf(ty: u32, tx: u32) -> vec4<f32> {
  let at = ty * 32u + tx;
  return vec4<f32>(stat[at], stat[at + 8u], stat[at + 16u], stat[at + 24u]);
}

fn largest(v: vec4<f32>) -> f32 { return max(max(v.x, v.y), max(v.z, v.w)); }
