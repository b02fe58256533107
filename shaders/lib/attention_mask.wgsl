// Who sees whom. spans[row] = (start, end, pinLo, pinHi), positions within the batch row: position i sees the keys j of its document
// [start, end) with j <= i inside the window (i - j < W; W = 0 means all) and, before those, the pinned range [pinLo, pinHi) as far as it lies
// in the document. A key in both ranges counts once. Position i always sees itself.
fn windowStart(i: u32, W: u32) -> u32 {
  if (W == 0u || i + 1u <= W) { return 0u; }
  return i + 1u - W;
}

struct Seen {
  // Keys first to i are seen.
  first: u32,
  // And pinCount keys from pinStart on, all before first.
  pinStart: u32,
  pinCount: u32,
  // Keys in all.
  count: u32,
}

fn seenFrom(i: u32, W: u32, span: vec4<u32>) -> Seen {
  let first = min(max(span.x, windowStart(i, W)), i);
  let pinStart = min(max(span.z, span.x), first);
  let pinCount = max(min(span.w, first), pinStart) - pinStart;
  return Seen(first, pinStart, pinCount, pinCount + i + 1u - first);
}

// Position of the t-th key, t < count: the pinned ones come first.
fn keyOf(s: Seen, t: u32) -> u32 {
  return select(s.first + t - s.pinCount, s.pinStart + t, t < s.pinCount);
}

// The positions j to this (not itself one of them) may see key j, whose document ends at `end`. Without pins all of them do.
fn seersEnd(j: u32, T: u32, W: u32, end: u32, pinned: u32) -> u32 {
  let last = min(max(end, j + 1u), T);
  if (pinned == 0u && W > 0u) { return min(last, j + W); }
  return last;
}

// Whether i sees j, both of one document, j <= i.
fn seesInside(i: u32, j: u32, W: u32, span: vec4<u32>) -> bool {
  return W == 0u || i - j < W || (j >= span.z && j < span.w);
}
