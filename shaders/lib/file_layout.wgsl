// How a tensor of a file lies in its block of parameters, and how its numbers are stored. LAYOUT 0: as in the file; 1: the file holds (rows, cols),
// the block (cols, rows); 2: the file holds rows of `cols` by (head, q | k | v, headDim), the block all q, then all k, then all v.
// TYPE is the file's: 0 F32, 1 F16, 2 BF16, two to a word, the first in the low half.
override LAYOUT: u32 = 0u;
override TYPE: u32 = 0u;
struct Args { count: u32, first: u32, offset: u32, total: u32, rows: u32, cols: u32, heads: u32, headDim: u32, lines: u32, perLine: u32 }
@group(0) @binding(0) var<uniform> args: Args;

// Element of the file that stands at element t of the block.
fn fileElement(t: u32) -> u32 {
  if (LAYOUT == 0u) { return t; }
  if (LAYOUT == 1u) { return t % args.rows * args.cols + t / args.rows; }
  let row = t / args.cols;
  let wide = args.heads * args.headDim;
  let head = row / args.headDim % args.heads;
  return ((head * 3u + row / wide) * args.headDim + row % args.headDim) * args.cols + t % args.cols;
}

// Element of the block where element s of the file stands.
fn blockElement(s: u32) -> u32 {
  if (LAYOUT == 0u) { return s; }
  if (LAYOUT == 1u) { return s % args.cols * args.rows + s / args.cols; }
  let row = s / args.cols;
  let head = row / (3u * args.headDim);
  let part = row / args.headDim % 3u;
  return ((part * args.heads + head) * args.headDim + row % args.headDim) * args.cols + s % args.cols;
}
