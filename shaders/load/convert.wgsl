// formula: block[offset + t] = number s of the file where s = fileElement(t) is among [first, first + count), for the TYPE and LAYOUT of
//          lib/file_layout; HALF 0: the block is f32, 1: f16, rounded to nearest even
// in: file (count numbers from number `first` on) as words
// out: block as words; what the slice does not hold is left as it is
// grid: one thread per word of the block on `lines` lines of `perLine`, workgroups of 64, rows of 65,535 workgroups. A line is the whole slice
//       (LAYOUT 0), the slice's part of a row of the block (1), or a row (2)
// cost: 2 reads and 1 write per number
// tolerance: exact bits
// guard: words beyond a line do nothing. A word that two lines share is computed alike by both, and only the slice's halves change in it
override HALF: u32 = 0u;
//!include "lib/file_layout.wgsl"
@group(0) @binding(1) var<storage, read_write> file: array<u32>;
@group(0) @binding(2) var<storage, read_write> block: array<u32>;
//!include "lib/index.wgsl"
//!include "lib/float_bits.wgsl"

// Number e of the slice as f32 bits.
fn floatAt(e: u32) -> u32 {
  if (TYPE == 0u) { return file[e]; }
  let half = (file[e / 2u] >> (16u * (e & 1u))) & 0xffffu;
  if (TYPE == 1u) { return halfToFloat(half); }
  return half << 16u;
}

fn halfAt(e: u32) -> u32 {
  if (TYPE == 1u) { return (file[e / 2u] >> (16u * (e & 1u))) & 0xffffu; }
  return floatToHalf(floatAt(e));
}

// Where element `at` of the tensor that holds the block stands in the slice; at least count when it does not.
fn sliceElement(at: u32) -> u32 {
  let t = at - args.offset;
  if (t >= args.total) { return args.count; }
  return fileElement(t) - args.first;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = flatIndex(group, groups, local);
  if (i >= args.lines * args.perLine) { return; }
  let line = i / args.perLine;
  let k = i % args.perLine;
  var begin = args.offset + args.first;
  var length = args.count;
  if (LAYOUT == 1u) {
    let top = args.first / args.cols;
    begin = args.offset + line * args.rows + top;
    length = (args.first + args.count - 1u) / args.cols - top + 1u;
  } else if (LAYOUT == 2u) {
    begin = args.offset + blockElement((args.first / args.cols + line) * args.cols);
    length = args.cols;
  }
  if (HALF == 0u) {
    let e = sliceElement(begin + k);
    if (k < length && e < args.count) { block[begin + k] = floatAt(e); }
    return;
  }
  let w = begin / 2u + k;
  if (w > (begin + length - 1u) / 2u) { return; }
  let low = sliceElement(2u * w);
  let high = sliceElement(2u * w + 1u);
  if (low >= args.count && high >= args.count) { return; }
  var word = block[w];
  if (low < args.count) { word = (word & 0xffff0000u) | halfAt(low); }
  if (high < args.count) { word = (word & 0xffffu) | (halfAt(high) << 16u); }
  block[w] = word;
}
