// The tiles of keys that 64 queries from `begin` on see: pinned ones first, then those from the first query's window or document to the
// last query. For kernels with a tile of queries; every thread of the workgroup must come here.
var<workgroup> pinsBefore: atomic<u32>;
var<workgroup> pinsEnd: atomic<u32>;
var<workgroup> keyTiles: vec4<u32>;

// (first tile, end, first pinned tile, end).
fn tilesSeen(begin: u32, base: u32, local: u32) -> vec4<u32> {
  let i = min(begin + local, args.T - 1u);
  if (local < OWNERS && args.spanned == 1u) {
    let seen = seenFrom(i, args.W, spanOf(base + i));
    if (seen.pinCount > 0u) {
      atomicMax(&pinsBefore, args.T - seen.pinStart);
      atomicMax(&pinsEnd, seen.pinStart + seen.pinCount);
    }
  }
  workgroupBarrier();
  if (local == 0u) {
    let first = seenFrom(begin, args.W, spanOf(base + begin)).first / COLUMNS;
    let last = min(begin + OWNERS, args.T) - 1u;
    let pinEnd = min((atomicLoad(&pinsEnd) + COLUMNS - 1u) / COLUMNS, first);
    let pinStart = min((args.T - atomicLoad(&pinsBefore)) / COLUMNS, pinEnd);
    keyTiles = vec4<u32>(first, last / COLUMNS + 1u, pinStart, pinEnd);
  }
  return workgroupUniformLoad(&keyTiles);
}
